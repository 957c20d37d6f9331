"""Unexpected errors: clients get an error in their own format without details, which only the log has."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from index.retrieval.filters import Filter
from qa.answer import Event, PassagesFound, Token
from qa.cancellation import Cancelled
from qa.query.followup import HistoryTurn
from tests.fake_site import ENGLISH_QUESTION, PASSAGES, CannedAssistant, site
from ui.logs import JsonLogFormatter
from ui.queue.shutdown import ShutdownManager, ShutdownTimeouts, ShuttingDown
from ui.server.app import create_app
from ui.server.error_middleware import ErrorMiddleware
from ui.telemetry.internal_errors import wrap_unexpected

SECRET = "a secret that an exception tells"
CHAT = {"model": "jawab", "messages": [{"role": "user", "content": ENGLISH_QUESTION}]}


class BrokenAssistant:
    """Raises an unexpected exception in the middle of a sentence."""

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        yield PassagesFound(PASSAGES)
        yield Token("About ")
        raise RuntimeError(SECRET)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    broken = site(tmp_path_factory.mktemp("broken"), wrap_unexpected(BrokenAssistant()))
    # Without models, a route that uses no assistant fails too.
    app = create_app(replace(broken, models=None))  # type: ignore[arg-type]
    with TestClient(app, "http://127.0.0.1") as page:
        yield page


def logged(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The single log line of the error."""
    (record,) = (record for record in caplog.records if record.name == "jawab.errors")
    line: dict[str, Any] = json.loads(JsonLogFormatter().format(record))
    return line


class TestRouteError:
    def test_unexpected_error_returns_problem_without_details(self, page: TestClient, caplog: Any) -> None:
        caplog.set_level(logging.WARNING)
        response = page.get("/page/collections/none/article?id=x", headers={"x-request-id": "job-7"})
        assert response.status_code == 404  # an error status is not an unexpected error
        response = page.get("/v1/models", headers={"x-request-id": "job-7"})
        assert response.status_code == 500 and response.headers["x-request-id"] == "job-7"
        assert response.headers["x-frame-options"] == "DENY" and "AttributeError" not in response.text
        line = logged(caplog)
        assert (line["event"], line["request_id"], line["error"]) == ("unexpected", "job-7", "AttributeError")
        assert "openai_routes.py" in line["traceback"]

    @pytest.mark.parametrize(("language", "letters"), [("en", "Something"), ("ar", "خلل")])
    def test_problem_is_localised(
        self, page: TestClient, language: str, letters: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def find(*_: object) -> None:
            raise RuntimeError(SECRET)

        monkeypatch.setattr(page.app.state.services.collections, "find", find)  # type: ignore[attr-defined]
        response = page.get("/ready", headers={"accept-language": language})
        problem = response.json()
        assert response.headers["content-type"] == "application/problem+json"
        assert (problem["status"], problem["code"], problem["retryable"]) == (500, "internal", False)
        assert problem["request_id"] == response.headers["x-request-id"]
        assert letters in problem["detail"] and SECRET not in response.text


class TestAnswerError:
    def test_error_in_whole_answer(self, page: TestClient, caplog: Any) -> None:
        response = page.post("/v1/ask", json={"question": ENGLISH_QUESTION}, headers={"x-request-id": "job-7"})
        assert response.status_code == 500 and response.json()["code"] == "internal" and SECRET not in response.text
        assert logged(caplog)["request_id"] == "job-7" and SECRET not in str(logged(caplog))

    def test_error_in_streamed_answer(self, page: TestClient) -> None:
        text = page.post("/v1/ask", json={"question": ENGLISH_QUESTION, "stream": True}).text
        *_, (name, data) = re.findall(r"event: (\w+)\ndata: (.*)\n\n", text)
        assert name == "error" and json.loads(data)["code"] == "internal" and SECRET not in text

    @pytest.mark.parametrize("stream", [False, True])
    def test_error_in_openai_format(self, page: TestClient, stream: bool) -> None:
        response = page.post("/v1/chat/completions", json={**CHAT, "stream": stream})
        error = json.loads(response.text.rpartition("data: ")[2])["error"]
        assert (error["type"], error["code"]) == ("server_error", "internal") and SECRET not in response.text

    def test_cancelled_answer_is_not_logged_as_error(self, caplog: pytest.LogCaptureFixture) -> None:
        class Left(CannedAssistant):
            def stream(self, *_: Any, **__: Any) -> Iterator[Event]:
                yield PassagesFound(())
                raise Cancelled

        events = wrap_unexpected(Left()).stream(ENGLISH_QUESTION)
        next(events)
        with pytest.raises(Cancelled):
            next(events)
        assert not caplog.records


def run(path: str, route: Any, stopping: ShutdownManager | None = None) -> list[Message]:
    """The messages that a client gets from a route, or from the middleware in its place."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: Scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    asyncio.run(ErrorMiddleware(route, stopping or ShutdownManager())(scope, receive, send))
    return sent


def start(kind: str) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode())]}


def failing_route(kind: str) -> Any:
    """A route that raises after it has started its response."""

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(kind))
        await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
        raise RuntimeError(SECRET)

    return route


class TestErrorAfterResponseStart:
    def test_stream_ends_with_error_event_in_its_format(self) -> None:
        *_, ours = run("/v1/ask", failing_route("text/event-stream; charset=utf-8"))
        assert ours["body"].startswith(b"event: error\ndata: {") and not ours["more_body"]
        *_, openais = run("/v1/chat/completions", failing_route("text/event-stream"))
        assert json.loads(openais["body"].removeprefix(b"data: "))["error"]["code"] == "internal"
        *_, pages = run("/gradio_api/queue/data", failing_route("text/event-stream"))
        assert pages["body"] == b"" and not pages["more_body"]

    def test_file_response_is_unchanged(self) -> None:
        assert len(run("/page/plotly.js", failing_route("text/javascript"))) == 2

    def test_finished_response_is_unchanged(self) -> None:
        async def route(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start("text/event-stream"))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            raise RuntimeError(SECRET)

        assert len(run("/v1/ask", route)) == 2


class TestShutdown:
    """`ShutdownManager` alone; tests/test_shutdown.py tests the whole process."""

    QUICK = ShutdownTimeouts(0.2, 0.2, 0.1, 0.1)

    def test_unfinished_request_gets_503(self) -> None:
        stopping = ShutdownManager(self.QUICK)

        async def route(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.gather(stopping.finish(), asyncio.sleep(60))

        start, body = run("/v1/search", route, stopping)
        assert start["status"] == 503 and json.loads(body["body"])["code"] == "shutting_down"
        assert dict(start["headers"])[b"retry-after"] == b"5"

    def test_open_page_does_not_delay_shutdown(self) -> None:
        stopping = ShutdownManager(ShutdownTimeouts(60, 60, 0.1, 0.1))

        async def route(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start("text/event-stream"))
            await asyncio.gather(stopping.finish(), asyncio.sleep(60))

        assert run("/gradio_api/heartbeat/abc", route, stopping)[-1]["more_body"] is False

    def test_late_question_ends_at_next_step(self) -> None:
        stopping = ShutdownManager(self.QUICK)
        events = stopping.watch(CannedAssistant()).stream(ENGLISH_QUESTION)
        next(events)
        assert stopping.under_way == 1
        asyncio.run(stopping.finish())
        with pytest.raises(ShuttingDown):
            next(events)
        assert stopping.under_way == 0

    def test_completed_answer_is_not_interrupted_when_late(self) -> None:
        stopping = ShutdownManager(self.QUICK)
        events = stopping.watch(CannedAssistant()).stream(ENGLISH_QUESTION)
        for _ in range(len(list(CannedAssistant().stream(ENGLISH_QUESTION)))):
            next(events)
        stopping.late = True
        assert list(events) == []
