"""A computer on which no LLM can run: Jawab answers without one and reports the reason.

The self-test's children are shell scripts that crash with an illegal instruction, as a wrongly compiled llama.cpp
does; or there is too little memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import index.runtime.memory
import qa.components
import ui.doctor
from index.articles import Language
from index.indexer import update_index
from qa.llm.self_test import SelfTest
from tests.conftest import SAMPLES
from tests.self_test_children import computes, dies_of, lists, scripted_child
from ui.app import App
from ui.cli import main
from ui.collections.repository import CollectionRepository
from ui.config import load_config
from ui.conversations.repository import ConversationRepository
from ui.server.app import create_app
from ui.server.collection_registry import CollectionRegistry
from ui.server.serve import LoadedModels, open_collection, open_jobs
from ui.services import Services
from ui.telemetry.telemetry import Telemetry
from ui.web.chat.welcome import welcome_html

CRASHES = {"backends": lists("best"), "best": dies_of("ILL")}
QUESTION = "How many US troops remain in Iraq?"
SENTENCES: list[tuple[Language, str]] = [("en", "cannot run on this processor"), ("ar", "لا يعمل النموذج اللغوي")]

Behave = Callable[..., None]
Doctor = Callable[[], tuple[str, int]]


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch) -> Behave:
    """Sets how the children of all following self-tests behave."""

    def let_behave(**behaviour: str) -> None:
        prefix = scripted_child(**behaviour)
        monkeypatch.setattr(qa.components, "SelfTest", partial(SelfTest, command_prefix=prefix))

    return let_behave


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "counting.gguf"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def app(tmp_path: Path, model: Path, behave: Behave) -> App:
    """Jawab where llama.cpp crashes; the embedder is a fake."""
    behave(**CRASHES)
    places = {name: tmp_path / name for name in ("index", "conversations", "collections", "uploads")}
    app = App(load_config(embedder="fake", llm=str(model), **places))
    update_index(app.config.paths.index, [SAMPLES / "articles"], app.components.embedder)
    return app


@pytest.fixture
def site(app: App) -> Iterator[Services]:
    folders = CollectionRepository(app.config.paths.index, app.config.paths.collections)
    library = CollectionRegistry(folders, partial(open_collection, app, Telemetry()))
    with closing(library), closing(open_jobs(app, folders)) as jobs:
        yield Services(library, ConversationRepository(app.config.paths.conversations), LoadedModels(app), jobs)


@pytest.fixture
def client(site: Services) -> Iterator[TestClient]:
    with TestClient(create_app(site), "http://127.0.0.1") as client:
        yield client


class TestAnswers:
    def test_answer_is_same_as_with_llm_turned_off(self, app: App) -> None:
        assert app.components.llm is None
        assert app.components.llm_problem is not None and app.components.llm_problem.code == "llm_unusable"
        without = app.assistant_for(no_llm=True).ask(QUESTION)
        answer = app.assistant.ask(QUESTION)
        assert (answer.answer, answer.citations) == (without.answer, without.citations)
        assert answer.status == "answered" and answer.citations

    def test_command_line_answers_and_reports_llm_problem(
        self, app: App, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JAWAB_EMBEDDER", "fake")
        monkeypatch.setenv("JAWAB_LLM", app.config.inference.llm)
        main(["ask", QUESTION, "--index", str(app.config.paths.index)])
        printed = capsys.readouterr()
        assert "Iraq" in printed.out
        (problem,) = printed.err.strip().split("\n")
        assert "cannot run on this processor: llama.cpp failed its self-test (SIGILL)" in problem


class TestServer:
    @pytest.mark.parametrize(("language", "sentence"), SENTENCES)
    def test_server_is_ready_and_reports_llm_problem(
        self, client: TestClient, language: Language, sentence: str
    ) -> None:
        ready = client.get("/ready", headers={"accept-language": language})
        assert ready.status_code == 200
        body = ready.json()
        assert (body["status"], body["llm"], body["llm_problem"]) == ("ready", "off", "llm_unusable")
        assert sentence in body["detail"] and "SIGILL" in body["detail"]

    def test_server_answers_without_llm(self, client: TestClient) -> None:
        answer = client.post("/v1/ask", json={"question": QUESTION}).json()
        assert answer["status"] == "answered" and answer["citations"]

    @pytest.mark.parametrize(("language", "sentence"), SENTENCES)
    def test_welcome_page_reports_llm_problem(self, site: Services, language: Language, sentence: str) -> None:
        assert sentence in welcome_html(site.collections.find(None).overview(), language)


class TestDoctor:
    @pytest.fixture
    def doctor(
        self, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> Doctor:
        """Runs `jawab doctor`: what it prints, and its exit code."""
        monkeypatch.setenv("JAWAB_EMBEDDER", "fake")
        monkeypatch.setenv("JAWAB_LLM", str(model))
        monkeypatch.setattr(ui.doctor, "check_libraries", lambda folder: None)
        index = tmp_path / "articles-index"
        main(["index", "--index", str(index), str(SAMPLES / "articles")])
        capsys.readouterr()

        def run() -> tuple[str, int]:
            try:
                main(["doctor", "--index", str(index)])
            except SystemExit as ended:
                return capsys.readouterr().out, int(ended.code or 0)
            return capsys.readouterr().out, 0

        return run

    @pytest.mark.parametrize(("language", "sentence"), SENTENCES)
    def test_doctor_reports_why_llm_cannot_run(
        self, language: Language, sentence: str, doctor: Doctor, behave: Behave, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JAWAB_LANG", language)
        behave(**CRASHES)
        out, code = doctor()
        assert code == 1
        lines = out.split("\n")
        (at,) = [at for at, line in enumerate(lines) if sentence in line]
        assert lines[at].startswith("✗") and "SIGILL" in lines[at]
        # On a line of its own, so that an Arabic sentence around it does not change the order of its words.
        assert lines[at + 1].strip().startswith("pip install")

    @pytest.mark.parametrize(
        ("language", "sentence"), [("en", "only in part: CPU code best: SIGILL"), ("ar", "في جزء منه فقط")]
    )
    def test_doctor_reports_failed_cpu_code(
        self, language: Language, sentence: str, doctor: Doctor, behave: Behave, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JAWAB_LANG", language)
        behave(backends=lists("best", "next"), best=dies_of("ILL"), next=computes(), next_extra=computes())
        out, code = doctor()
        assert code == 0
        (line,) = [line for line in out.split("\n") if sentence in line]
        assert line.startswith("✓") and "next" in line and "100" in line

    @pytest.mark.parametrize(("language", "sentence"), [("en", "100 prompt tokens"), ("ar", "بسرعة 100 رمزاً")])
    def test_doctor_reports_speed_of_model(
        self, language: Language, sentence: str, doctor: Doctor, behave: Behave, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JAWAB_LANG", language)
        behave(backends=lists("best"), best=computes(), best_extra=computes())
        out, code = doctor()
        assert code == 0
        assert sentence in out

    def test_doctor_continues_after_invalid_model_file(self, doctor: Doctor, model: Path) -> None:
        out, code = doctor()
        assert code == 1
        assert f"✗ The language model {model} cannot be loaded" in out
        assert "✓ The index" in out


class TestMemoryShort:
    @pytest.mark.parametrize(("language", "unit"), [("en", "GB"), ("ar", "غيغابايت")])
    def test_required_and_available_memory_are_reported(
        self, language: Language, unit: str, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index.runtime.memory, "available_memory", lambda: 400_000_000)
        body = client.get("/ready", headers={"accept-language": language}).json()
        assert (body["llm"], body["llm_problem"]) == ("off", "insufficient_memory")
        assert f"1.2 {unit}" in body["detail"] and f"0.4 {unit}" in body["detail"]
