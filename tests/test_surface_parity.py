"""Parity of the interfaces: each returns the same record for a question, except for its id and its timings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from index.embeddings import SentenceTransformerEmbedder
from index.indexer import update_index
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.reader.lora_reader import LoRAReader
from qa.reader.prompt_injection import InjectionClassifier
from tests.conftest import MODELS
from ui.app import App
from ui.cli import jawab
from ui.collections.repository import CollectionRepository
from ui.config import load_config
from ui.conversations.repository import ConversationRepository
from ui.server.app import create_app
from ui.server.collection_registry import CollectionRegistry
from ui.server.serve import LoadedModels, open_collection, open_jobs
from ui.services import Services
from ui.telemetry.telemetry import Telemetry

Record = dict[str, Any]
AskFunction = Callable[[str], Record]

QUESTIONS = (
    "How many US troops remain in Iraq?",
    "من قادت الرحلة الأولى للترام في مرسى نورس؟",
    "How deep is the harbour of Marsa Nawras?",
    "لماذا أُجّل ترام مرسى نورس؟",
    "thank you",
    "Who wrote the article about the tram?",
)
FAKES = {"embedder": "fake", "llm": "fake"}


def interfaces(app: App, client: TestClient, tmp_path: Path) -> dict[str, AskFunction]:
    """Every interface that returns a record, over one index."""

    def streamed(question: str) -> Record:
        told = client.post("/v1/ask", json={"question": question, "stream": True}).text
        return parse_record(told.rpartition("event: answer\ndata: ")[2])

    def openai(question: str) -> Record:
        body = {"model": "jawab", "messages": [{"role": "user", "content": question}]}
        return dict(client.post("/v1/chat/completions", json=body).json()["jawab"])

    return {
        "Python": lambda question: app.assistant.ask(question).to_json(),
        "command": lambda question: parse_record(command(app, "ask", question, "--json")),
        "batch": lambda question: batch(app, tmp_path, question)[0],
        "HTTP": lambda question: parse_record(client.post("/v1/ask", json={"question": question}).text),
        "stream": streamed,
        "OpenAI": openai,
    }


def command(app: App, *arguments: str) -> str:
    """The output of a command, which creates its own components from the same settings."""
    environment = {
        "JAWAB_INDEX": str(app.config.paths.index), "JAWAB_MODELS": str(app.config.paths.models),
        "JAWAB_EMBEDDER": app.config.inference.embedder, "JAWAB_LLM": app.config.inference.llm,
    }  # fmt: skip
    return CliRunner(env=environment).invoke(jawab, list(arguments), catch_exceptions=False).stdout


def batch(app: App, folder: Path, *questions: str) -> list[Record]:
    """The records of `jawab batch`."""
    asked, answered = folder / "questions.jsonl", folder / "answers.jsonl"
    lines = [json.dumps({"id": str(at), "question": question}) for at, question in enumerate(questions)]
    asked.write_text("\n".join(lines), encoding="utf-8")
    answered.unlink(missing_ok=True)
    command(app, "batch", str(asked), str(answered))
    return [parse_record(line) for line in answered.read_text(encoding="utf-8").splitlines()]


def parse_record(text: str) -> Record:
    record: Record = json.loads(text)
    return record


def comparable(record: Record) -> Record:
    """The fields of a record that must not differ; its id, its timings and whether it was cached may."""
    return {name: value for name, value in record.items() if name not in ("id", "timings_ms", "cached")}


@pytest.fixture
def client(app: App) -> Iterator[TestClient]:
    observers = Telemetry()
    folders = CollectionRepository(app.config.paths.index, app.config.paths.collections)
    library = CollectionRegistry(folders, partial(open_collection, app, observers))
    jobs = open_jobs(app, folders)
    site = Services(library, ConversationRepository(app.config.paths.conversations), LoadedModels(app), jobs)
    with closing(jobs), TestClient(create_app(site, observers=observers), "http://127.0.0.1") as client:
        yield client


def app_in(folder: Path, **chosen: Any) -> App:
    places = {name: folder / name for name in ("index", "conversations", "collections", "uploads")}
    return App(load_config(**places, **chosen))


class TestWithFakes:
    @pytest.fixture(scope="class")
    def app(self, tmp_path_factory: pytest.TempPathFactory) -> App:
        app = app_in(tmp_path_factory.mktemp("one"), **FAKES)
        update_index(app.config.paths.index, [Path("samples/articles")], app.components.embedder)
        return app

    @pytest.mark.parametrize("question", QUESTIONS)
    def test_every_interface_returns_same_record(
        self, app: App, client: TestClient, tmp_path: Path, question: str
    ) -> None:
        records = {name: ask(question) for name, ask in interfaces(app, client, tmp_path).items()}
        first = comparable(records["Python"])
        assert {name: comparable(record) for name, record in records.items()} == dict.fromkeys(records, first)
        assert first["question"] == question and first["status"] in ("answered", "declined")
        assert all(set(record["timings_ms"]) == set(records["Python"]["timings_ms"]) for record in records.values())


@pytest.mark.real
class TestWithRealModels:
    @pytest.fixture(scope="class")
    def app(
        self,
        tmp_path_factory: pytest.TempPathFactory,
        real_embedder: SentenceTransformerEmbedder,
        real_generator: LlamaCppLLM,
        real_reader: LoRAReader,
        real_classifier: InjectionClassifier,
        real_index: Path,
    ) -> App:
        folder = tmp_path_factory.mktemp("real")
        shutil.copytree(real_index, folder / "index")
        app = app_in(folder, models=MODELS)
        parts = {"embedder": real_embedder, "generator": real_generator}
        vars(app.components).update(parts | {"reader": real_reader, "injection_classifier": real_classifier})
        return app

    def test_every_interface_returns_same_record(
        self, app: App, client: TestClient, tmp_path: Path, real_cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Every command loads the models again: so only `batch` runs, once, with all questions. One of them is
        # answered, in Arabic, and one is declined.
        asked = QUESTIONS[1:3]
        monkeypatch.setenv("XDG_CACHE_HOME", str(real_cache))
        batched = batch(app, tmp_path, *asked)
        known = interfaces(app, client, tmp_path)
        for question, record in zip(asked, batched, strict=True):
            records = {name: comparable(known[name](question)) for name in ("Python", "HTTP", "stream", "OpenAI")}
            assert records == dict.fromkeys(records, comparable(record))
