"""Backends by name: the long forms and the short ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.fakes import HashEmbedder
from qa.backends import BackendChoice
from qa.components import Components
from qa.errors import ModelUnknown
from qa.fakes import FakeLLM
from qa.llm.openai_compatible import OpenAICompatibleLLM


@pytest.mark.parametrize(
    ("text", "backend", "target"),
    [
        ("", "model", ""),
        ("qwen2.5-coder-1.5b-instruct", "model", "qwen2.5-coder-1.5b-instruct"),
        ("model:qwen", "model", "qwen"),
        ("models/mine.gguf", "file", "models/mine.gguf"),
        ("mine.gguf", "file", "mine.gguf"),
        ("C:\\models\\mine", "file", "C:\\models\\mine"),
        ("file:mine", "file", "mine"),
        ("http://127.0.0.1:8080/v1#qwen2.5:7b", "openai", "http://127.0.0.1:8080/v1#qwen2.5:7b"),
        ("openai:https://a.example/v1", "openai", "https://a.example/v1"),
        ("fake", "fake", ""),
        ("fake:", "fake", ""),
    ],
)
def test_backend_choice_is_parsed_from_text(text: str, backend: str, target: str) -> None:
    assert BackendChoice.of(text) == BackendChoice(backend, target)  # type: ignore[arg-type]


def test_components_create_the_chosen_backends(tmp_path: Path) -> None:
    components = Components("fake:", "openai:http://127.0.0.1:9/v1", models=tmp_path)
    assert isinstance(components.embedder, HashEmbedder)
    assert isinstance(components.generator, OpenAICompatibleLLM) and components.generator.host == "127.0.0.1"
    assert isinstance(Components("fake", "fake").generator, FakeLLM)
    with pytest.raises(ModelUnknown):
        Components("fake", "model:none").generator  # noqa: B018 - created here
