"""The prompt cache: the model's state after a prompt's head, stored in a file for the next process."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.llm.prompt_cache import OFFSET, PromptCacheFile
from qa.prompts import answer_prompt


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    return path


def test_cache_reads_what_was_written(tmp_path: Path, model: Path) -> None:
    kept = PromptCacheFile.of(tmp_path / "heads", model, {"n_ctx": 512}, [1, 2, 3])
    assert kept.read() is None
    kept.write(b"state")
    mapped = PromptCacheFile.of(tmp_path / "heads", model, {"n_ctx": 512}, [1, 2, 3]).read()
    assert mapped is not None
    assert mapped[OFFSET:] == b"state"


def test_cache_key_depends_on_model_configuration_and_tokens(tmp_path: Path, model: Path) -> None:
    """A state restored with another model, other tokens or another memory layout would garble every answer."""
    folder = tmp_path / "heads"
    base = PromptCacheFile.of(folder, model, {"n_ctx": 512, "flash_attn": False}, [1, 2, 3])
    others = [
        PromptCacheFile.of(folder, model, {"n_ctx": 512, "flash_attn": True}, [1, 2, 3]),
        PromptCacheFile.of(folder, model, {"n_ctx": 1024, "flash_attn": False}, [1, 2, 3]),
        PromptCacheFile.of(folder, model, {"n_ctx": 512, "flash_attn": False}, [1, 2, 4]),
    ]
    model.write_bytes(b"other weights")
    others.append(PromptCacheFile.of(folder, model, {"n_ctx": 512, "flash_attn": False}, [1, 2, 3]))
    assert len({kept.path for kept in [base, *others]}) == 5


def test_damaged_cache_is_ignored(tmp_path: Path, model: Path) -> None:
    kept = PromptCacheFile.of(tmp_path / "heads", model, {}, [1])
    kept.write(b"state" * 100)
    damaged = bytearray(kept.path.read_bytes())
    damaged[100] ^= 1
    kept.path.write_bytes(damaged)
    assert kept.read() is None


def test_unwritable_folder_disables_cache(tmp_path: Path, model: Path) -> None:
    (tmp_path / "heads").write_text("a file where the folder should be")
    kept = PromptCacheFile.of(tmp_path / "heads", model, {}, [1])
    kept.write(b"state")
    assert kept.read() is None


@pytest.mark.real
def test_cached_head_answers_like_evaluated_head(real_generator: LlamaCppLLM, tmp_path: Path) -> None:
    prompt = answer_prompt("en").ask("At how many stations does the tram stop?", ["The tram stops at 24 stations."])
    others = [
        answer_prompt("ar").ask("كم محطة للترام؟", ["للترام 24 محطة."]),
        answer_prompt("en").ask("At how many stations does the tram stop today?", ["The tram stops at 24 stations."]),
    ]
    path, configuration = real_generator.path, real_generator.configuration
    first = LlamaCppLLM(path, configuration, heads=tmp_path)
    first.prepare(others[0].head)
    evaluated = first.generate_candidate(prompt, 16, "none")
    assert len(list(tmp_path.glob("*.state"))) == 2
    assert LlamaCppLLM(path, configuration, heads=tmp_path).generate_candidate(prompt, 16, "none") == evaluated
    # Nor does it depend on what was asked before.
    for other in others:
        first.generate_candidate(other, 4, "none")
        assert first.generate_candidate(prompt, 16, "none") == evaluated
    assert real_generator.generate_candidate(prompt, 16, "none") == evaluated
