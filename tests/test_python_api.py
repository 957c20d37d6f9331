"""The public Python API: `from jawab import Assistant`."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import jawab
from index.errors import ArticleMissing, IndexMissing
from index.fakes import HashEmbedder
from index.retriever import Retriever
from jawab import Answer, Assistant, Citation, Config, Filter, build_index
from qa.components import Components
from qa.errors import ModelMissing, QuestionEmpty
from qa.fakes import FakeLLM, FakeReader
from qa.options import Options
from tests.conftest import SAMPLES
from ui.cli import jawab as command
from ui.config import load_config

QUESTION = "How many US troops remain in Iraq?"


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(embedder="fake", llm="fake")


@pytest.fixture(scope="module")
def index(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "my-index"
    report = build_index(str(folder), [SAMPLES / "articles"], config)
    assert report.added and not report.updated
    return folder


def test_ask_returns_answer_with_verbatim_citations(index: Path, config: Config) -> None:
    with Assistant.open(str(index), config) as assistant:
        answer = assistant.ask(QUESTION)
        assert isinstance(answer, Answer) and answer.status == "answered" and answer.citations
        for cited in answer.citations:
            assert isinstance(cited, Citation)
            assert assistant.article(cited.article_id).field(cited.field)[cited.start : cited.end] == cited.quote


def test_ask_answers_from_filtered_articles_only(index: Path, config: Config) -> None:
    with Assistant.open(index, config) as assistant:
        chosen = assistant.ask(QUESTION).citations[0].article_id
        answer = assistant.ask(QUESTION, only=Filter(articles=(chosen,)))
        assert {passage.article_id for passage in answer.passages} == {chosen}
        assert {cited.article_id for cited in answer.citations} == {chosen}
        arabic = assistant.ask(QUESTION, only=Filter(language="ar", since="2021"))
        articles = [assistant.article(passage.article_id) for passage in arabic.passages]
        assert articles and all(one.language == "ar" and (one.date or "") >= "2021" for one in articles)
        none = assistant.ask(QUESTION, only=Filter(since="2030"))
        assert (none.status, none.passages) == ("declined", ())


def test_assistant_searches_and_lists_articles(index: Path, config: Config) -> None:
    with Assistant.open(index, config) as assistant:
        hits = assistant.search("ترام مرسى نورس", 3, Filter(language="ar"))
        assert len(hits) == 3 and all(hit.article.language == "ar" for hit in hits)
        assert {hit.article.id for hit in hits} < {article.id for article in assistant.articles()}
        with pytest.raises(QuestionEmpty):
            assistant.search("  ")
        with pytest.raises(ArticleMissing):
            assistant.article("none")


def test_python_answer_matches_cli(index: Path, config: Config) -> None:
    environment = {"JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake", "JAWAB_INDEX": str(index)}
    run = CliRunner(env=environment).invoke(command, ["ask", QUESTION, "--json"])
    with Assistant.open(index, config) as assistant:
        record = assistant.ask(QUESTION).to_json()
    assert record | {"timings_ms": 0} == json.loads(run.output) | {"timings_ms": 0}


def test_components_are_shared_between_assistants(index: Path) -> None:
    components = Components("fake", "fake", options=Options(passages=2))
    with (
        Assistant.open(index, components=components) as one,
        Assistant.open(index, components=components) as other,
    ):
        assert one.retriever._embedder is other.retriever._embedder
        assert len(one.ask(QUESTION).passages) == 2


def test_custom_components_are_used(index: Path) -> None:
    llm, reader = FakeLLM(), FakeReader()
    with Assistant(Retriever(index, HashEmbedder()), llm, reader) as assistant:
        assert assistant.ask(QUESTION).models == {
            "embedder": HashEmbedder().name,
            "reader": reader.name,
            "generator": llm.name,
        }


def test_without_llm_no_generator_is_used(index: Path, config: Config) -> None:
    with Assistant.open(index, config, with_llm=False) as assistant:
        assert "generator" not in assistant.ask(QUESTION).models


def test_open_raises_on_missing_index_or_models(tmp_path: Path, index: Path, config: Config) -> None:
    with pytest.raises(IndexMissing):
        Assistant.open(tmp_path / "none", config)
    with pytest.raises(ModelMissing):
        Assistant.open(index, load_config(models=tmp_path))


def test_closed_assistant_raises_programming_error(index: Path, config: Config) -> None:
    with Assistant.open(index, config) as assistant:
        assert assistant.articles()
    with pytest.raises(sqlite3.ProgrammingError):
        assistant.ask(QUESTION)


def test_all_public_names_exist() -> None:
    for name in jawab.__all__:
        assert getattr(jawab, name).__name__ == name
    with pytest.raises(ImportError):
        exec("from jawab import Nonsense")


@pytest.mark.parametrize("heavy", ["torch", "llama_cpp", "faiss", "numpy", "pydantic_settings"])
def test_import_does_not_load_heavy_libraries(heavy: str) -> None:
    code = f"import sys, jawab; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_python_m_jawab_runs_cli() -> None:
    run = subprocess.run([sys.executable, "-m", "jawab", "--version"], capture_output=True, text=True, check=False)
    assert run.returncode == 0 and "jawab" in run.stdout.lower()
