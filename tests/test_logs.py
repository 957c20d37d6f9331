"""Logs: one line for every request and question, without private data, and safe from log injection."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.fake_site import DECLINED_QUESTION, ENGLISH_QUESTION, ERROR_QUESTION, CannedAssistant, site
from ui.config import load_config
from ui.logs import JsonLogFormatter, TextLogFormatter, configure_logging
from ui.server.app import create_app
from ui.telemetry.metrics import Metrics
from ui.telemetry.question_log import QuestionLog

HOSTILE = [
    "\n{\"level\": \"error\"}", "\r\n", "a\x1b[2Jb", "\x00", "\x7f", "\x9b31m", "\u2028", "\u2029", "\u202e", "\u2066",
    "\u200f", "\u061c", "\ufeff", "\ud800", "x=1 level=error", '" level="error',
]  # fmt: skip
LogLines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The stream that is logged to; afterwards the logging configuration is restored."""
    levels = {logger: logger.level for logger in (logging.getLogger(), logging.getLogger("jawab"))}
    monkeypatch.setattr(logging.getLogger(), "handlers", logging.getLogger().handlers[:])
    # Other tests run uvicorn with its default settings, which turn propagation off.
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    yield io.StringIO()
    logging.captureWarnings(False)
    for logger, level in levels.items():
        logger.setLevel(level)


@pytest.fixture
def log_lines(log: io.StringIO) -> LogLines:
    """The lines logged so far, parsed from JSON; without warnings from the tests' libraries."""
    configure_logging(load_config(log="json"), log)
    logging.captureWarnings(False)
    return lambda: [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    assistant = QuestionLog().watch(CannedAssistant())
    with TestClient(create_app(site(tmp_path_factory.mktemp("logs"), assistant)), "http://127.0.0.1") as page:
        yield page


class TestRequestLog:
    def test_request_is_logged_on_one_line(self, page: TestClient, log_lines: LogLines) -> None:
        page.get("/health", headers={"x-request-id": "job-7"})
        (line,) = log_lines()
        assert line.pop("time").endswith("Z") and line.pop("ms") >= 0
        assert line == {
            "level": "info", "event": "request", "request_id": "job-7", "method": "GET", "route": "/health",
            "status": 200, "bytes": 15,
        }  # fmt: skip

    def test_route_is_logged_instead_of_path(self, page: TestClient, log_lines: LogLines) -> None:
        page.get("/v1/articles/en-1?words=secret")
        page.get("/secret")
        page.get("/health", headers={"host": "secret.example"})
        article, nowhere, refused = log_lines()
        assert article["route"] == "/v1/articles/{article_id:path}" and article["status"] == 200
        assert nowhere["route"] is None and nowhere["status"] == 404
        assert refused["route"] is None and refused["status"] == 421
        assert "en-1" not in str(article) and "secret" not in str([article, nowhere, refused])

    def test_known_caller_is_logged(self, page: TestClient, log_lines: LogLines) -> None:
        async def known(scope: Any, receive: Any, send: Any) -> None:
            await page.app({**scope, "jawab_caller": "reports"}, receive, send)

        TestClient(known, "http://127.0.0.1").get("/health")
        assert log_lines()[0]["caller"] == "reports"

    def test_requests_are_not_logged_by_default(self, page: TestClient, log: io.StringIO) -> None:
        configure_logging(load_config(), log)
        logging.captureWarnings(False)
        page.post("/v1/ask", json={"question": ENGLISH_QUESTION})
        assert log.getvalue() == ""


class TestQuestionLog:
    def ask(self, page: TestClient, **body: Any) -> None:
        page.post("/v1/ask", json=body, headers={"x-request-id": "job-7"})

    def test_question_is_logged_without_its_text(self, page: TestClient, log_lines: LogLines, log: io.StringIO) -> None:
        self.ask(page, question=ENGLISH_QUESTION)
        self.ask(page, question=DECLINED_QUESTION, stream=True)
        answered, declined = (line for line in log_lines() if line["event"] == "question")
        assert (answered["status"], declined["status"]) == ("answered", "declined")
        assert answered["request_id"] == declined["request_id"] == "job-7"
        assert answered["language"] == "en" and answered["cited"] == 2 and answered["passages"] == 5
        assert answered["tokens"] > 5 and {"search_ms", "ms"} <= answered.keys()
        assert not any(word in log.getvalue() for word in ("troops", "chess", "Iraq", "2,500", "en-1", "dw.com"))

    def test_failed_question_is_logged_with_error_code(self, page: TestClient, log_lines: LogLines) -> None:
        self.ask(page, question=ERROR_QUESTION)
        question, request = log_lines()
        assert (question["status"], question["code"]) == ("failed", "index_missing") and request["status"] == 500

    def test_abandoned_stream_is_logged_as_left(self, log_lines: LogLines) -> None:
        events = QuestionLog().watch(CannedAssistant()).stream(ENGLISH_QUESTION)
        next(events)
        events.close()  # type: ignore[attr-defined]
        (line,) = log_lines()
        assert line["status"] == "cancelled" and "request_id" not in line

    def test_stream_closed_after_record_is_logged_as_answered(self, log_lines: LogLines) -> None:
        metrics = Metrics()
        events = QuestionLog().watch(metrics.watch(CannedAssistant())).stream(ENGLISH_QUESTION)
        for _ in range(len(list(CannedAssistant().stream(ENGLISH_QUESTION)))):
            next(events)
        events.close()  # type: ignore[attr-defined]
        assert [line["status"] for line in log_lines()] == ["answered"]
        assert metrics._registry.get_sample_value("jawab_questions_cancelled_total") == 0

    def test_question_interrupted_by_shutdown_is_logged_once(self, log_lines: LogLines) -> None:
        questions = QuestionLog()
        events = questions.watch(CannedAssistant()).stream(ENGLISH_QUESTION)
        next(events)
        questions.close()
        events.close()  # type: ignore[attr-defined]
        assert [(line["status"], line["code"]) for line in log_lines()] == [("failed", "shutting_down")]

    def test_question_text_is_logged_if_configured(self, log_lines: LogLines) -> None:
        list(QuestionLog(with_text=True).watch(CannedAssistant()).stream(ENGLISH_QUESTION))
        assert log_lines()[0]["question"] == ENGLISH_QUESTION


class TestLogInjection:
    @pytest.mark.parametrize("form", [JsonLogFormatter, TextLogFormatter])
    @pytest.mark.parametrize("hostile", HOSTILE)
    def test_hostile_text_cannot_forge_log_lines(
        self, form: type[JsonLogFormatter], hostile: str, log: io.StringIO
    ) -> None:
        configure_logging(load_config(log="text"), log)
        logging.getLogger().handlers[0].setFormatter(form(with_messages=True))
        logging.getLogger("jawab.questions").info("question", extra={"question": f"a{hostile}b", "status": "cancelled"})
        logging.getLogger("uvicorn.error").error("Broken: %s", f"a{hostile}b")
        try:
            raise ValueError(f"a{hostile}b")
        except ValueError as error:
            logging.getLogger("jawab.errors").error("unexpected", exc_info=error)
        written = log.getvalue()
        assert all(letter.isprintable() for letter in written.replace("\n", ""))
        lines = written.splitlines()
        if form is TextLogFormatter:
            assert all(line.startswith("20") or line.startswith("  | ") for line in lines)
            assert sum(line.startswith("20") for line in lines) == 3 and " level=error" not in lines[0].split('"')[0]
        else:
            assert written.isascii() and [json.loads(line)["level"] for line in lines] == ["info", "error", "error"]
            assert json.loads(lines[0])["question"] == f"a{hostile}b"

    def test_invalid_request_id_is_replaced(self, page: TestClient, log_lines: LogLines) -> None:
        page.request("GET\u202e", "/health", headers={"x-request-id": "a b"})
        (line,) = log_lines()
        assert line["method"] == "GET\u202e" and " " not in line["request_id"]

    def test_library_message_is_cut_to_first_line(self, log_lines: LogLines) -> None:
        logging.getLogger("asyncio").error("Task failed\nfuture: <Task exception=ValueError('secret')>")
        (line,) = log_lines()
        assert (line["event"], line["logger"], line["message"]) == ("log", "asyncio", "Task failed")

    def test_traceback_text_is_logged_without_exception_message(self, log_lines: LogLines) -> None:
        traced = (
            'Traceback (most recent call last):\n  File "a.py", line 3, in start\n    x\nKeyError: secret\nsecret too'
        )
        logging.getLogger("uvicorn.error").error(traced)
        assert log_lines()[0]["traceback"] == '  File "a.py", line 3, in start\nKeyError'


class TestExceptionLog:
    def raise_and_log(self, log: io.StringIO, **settings: Any) -> None:
        configure_logging(load_config(log="json", **settings), log)
        try:
            try:
                raise KeyError("secret one")
            except KeyError as error:
                raise ValueError("secret two") from error
        except ValueError as error:
            logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)

    def test_exception_is_logged_without_its_message(self, log: io.StringIO) -> None:
        self.raise_and_log(log)
        line = json.loads(log.getvalue())
        assert line["error"] == "ValueError" and line["message"] == "Exception in ASGI application"
        assert "KeyError" in line["traceback"] and "test_logs.py" in line["traceback"]
        # The traceback quotes the source line that raises, which has the words as well; source code is public.
        assert "KeyError: " not in line["traceback"] and "ValueError: " not in line["traceback"]

    def test_uncaught_thread_exception_is_logged(self, log_lines: LogLines, capsys: pytest.CaptureFixture[str]) -> None:
        def broken() -> None:
            raise ValueError("secret")

        thread = threading.Thread(target=broken)
        thread.start()
        thread.join()
        (line,) = log_lines()
        assert (line["event"], line["level"], line["error"]) == ("unexpected", "error", "ValueError")
        assert "in broken" in line["traceback"] and "ValueError: " not in line["traceback"]
        assert capsys.readouterr().err == ""

    def test_exception_message_is_logged_if_configured(self, log: io.StringIO) -> None:
        self.raise_and_log(log, log_questions=True)
        assert "ValueError: secret two" in json.loads(log.getvalue())["traceback"]


class TestSettings:
    @pytest.mark.parametrize(
        ("chosen", "told"),
        [("warnings", ["careful"]), ("text", ["request", "careful"]), ("json", ["request", "careful"]), ("off", [])],
    )
    def test_log_setting_selects_logged_lines(self, chosen: str, told: list[str], log: io.StringIO) -> None:
        configure_logging(load_config(log=chosen), log)
        logging.getLogger("jawab.requests").info("request")
        logging.getLogger("httpx").info("said")
        logging.getLogger("uvicorn.error").warning("careful")
        lines = log.getvalue().splitlines()
        assert len(lines) == len(told) and all(word in line for word, line in zip(told, lines, strict=True))

    def test_python_warnings_are_logged(self, log_lines: LogLines) -> None:
        logging.getLogger("py.warnings").warning("%s", "a.py:1: UserWarning: old\n  warn()\n")
        assert log_lines()[0]["message"] == "a.py:1: UserWarning: old"
