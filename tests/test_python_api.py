"""Jawab in somebody's own program: `from qa import Assistant`."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import qa
from index.errors import ArticleMissing, IndexMissing
from index.indexer import update_index
from index.retrieval.filters import Filter
from qa import Answer, Assistant, Citation, Options, Parts
from qa.errors import ModelMissing, QuestionEmpty
from tests.conftest import SAMPLES
from ui.cli import jawab as command

QUESTION = "How many US troops remain in Iraq?"


@pytest.fixture(scope="module")
def parts() -> Parts:
    return Parts("fake", "fake")


@pytest.fixture(scope="module")
def index(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "my-index"
    update_index(folder, [SAMPLES / "articles"], parts.embedder)
    return folder


def test_a_question_is_answered_with_its_quotations(index: Path, parts: Parts) -> None:
    with Assistant.open(str(index), parts) as jawab:
        answer = jawab.ask(QUESTION)
        assert isinstance(answer, Answer) and answer.status == "answered" and answer.citations
        for cited in answer.citations:
            assert isinstance(cited, Citation)
            assert jawab.article(cited.article_id).text[cited.start : cited.end] == cited.quote


def test_it_searches_and_lists(index: Path, parts: Parts) -> None:
    with Assistant.open(index, parts) as jawab:
        hits = jawab.search("ترام مرسى نورس", 3, Filter(language="ar"))
        assert len(hits) == 3 and all(hit.article.language == "ar" for hit in hits)
        assert {hit.article.id for hit in hits} < {article.id for article in jawab.articles()}
        with pytest.raises(QuestionEmpty):
            jawab.search("  ")
        with pytest.raises(ArticleMissing):
            jawab.article("none")


def test_it_is_the_answer_of_the_command_line(index: Path, parts: Parts) -> None:
    environment = {"JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake", "JAWAB_INDEX": str(index)}
    run = CliRunner(env=environment).invoke(command, ["ask", QUESTION, "--json"])
    with Assistant.open(index, parts) as jawab:
        record = jawab.ask(QUESTION).to_json()
    assert record | {"timings_ms": 0} == json.loads(run.output) | {"timings_ms": 0}


def test_assistants_of_the_same_parts_share_the_models(index: Path) -> None:
    parts = Parts("fake", "fake", options=Options(passages=2))
    with Assistant.open(index, parts) as one, Assistant.open(index, parts) as other:
        assert one.retriever._embedder is other.retriever._embedder
        assert len(one.ask(QUESTION).passages) == 2


def test_without_the_llm_the_answer_is_the_phrase(index: Path, parts: Parts) -> None:
    with Assistant.open(index, parts, with_llm=False) as jawab:
        assert "generator" not in jawab.ask(QUESTION).models


def test_what_is_missing_is_told_when_it_is_opened(tmp_path: Path, index: Path, parts: Parts) -> None:
    with pytest.raises(IndexMissing):
        Assistant.open(tmp_path / "none", parts)
    with pytest.raises(ModelMissing):
        Assistant.open(index, Parts(models=tmp_path))


def test_a_closed_one_is_not_asked_and_the_index_is_not_called_damaged(index: Path, parts: Parts) -> None:
    with Assistant.open(index, parts) as jawab:
        assert jawab.articles()
    with pytest.raises(sqlite3.ProgrammingError):
        jawab.ask(QUESTION)


def test_its_names_are_those_it_says() -> None:
    for name in qa.__all__:
        assert getattr(qa, name).__name__ == name
    with pytest.raises(ImportError):
        exec("from qa import Nonsense")


@pytest.mark.parametrize("heavy", ["torch", "llama_cpp", "faiss", "numpy"])
def test_importing_it_imports_nothing_else(heavy: str) -> None:
    code = f"import sys, qa, qa.errors; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
