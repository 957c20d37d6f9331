"""Middleware that converts unhandled errors, and shutdown during a request, into an error response.

The form depends on the route: a problem, OpenAI's error, or a last event if an event stream has begun. Other responses
that have begun (a file) are left incomplete, which the client sees as a closed connection.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import JawabError
from ui.api.openai_schemas import PATHS, failed, failure_of
from ui.http.language import page_language
from ui.http.problems import Problem, problem, problem_response
from ui.http.request_id import request_id
from ui.queue.shutdown import ShutdownManager, ShuttingDown
from ui.telemetry.internal_errors import InternalError, log_unexpected

_LONG_LIVED = re.compile(r"/gradio_api/(?:heartbeat/|queue/data$)")
"""Streams that a page keeps open as long as it is open itself."""
_SEND_SECONDS = 0.5
"""Seconds allowed for sending the error response: the client may have stopped reading."""


class ErrorMiddleware:
    """ASGI middleware: sends an error response for unhandled errors, and aborts requests still running at shutdown."""

    def __init__(self, app: ASGIApp, stopping: ShutdownManager) -> None:
        self._app = app
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sender = _ResponseSender(send)
        try:
            await self._run_route(scope, receive, sender)
        except ClientDisconnect:
            return  # there is no client to respond to
        except JawabError as error:
            await sender.end(scope, error)
        except Exception as error:  # noqa: BLE001 - the outermost handler but for the server's plain "500"
            log_unexpected(error, request_id(scope))
            await sender.end(scope, InternalError())

    async def _run_route(self, scope: Scope, receive: Receive, sender: _ResponseSender) -> None:
        """Run the route. Raises `ShuttingDown` when the request is cut at shutdown, and the errors of the route."""
        with self._stopping.request(lasting=bool(_LONG_LIVED.match(scope["path"]))) as cut:
            work = asyncio.ensure_future(self._app(scope, receive, sender.pass_on))
            try:
                await asyncio.wait({work, cut}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    raise ShuttingDown
                work.result()
            finally:
                sender.closed = True
                work.cancel()


class _ResponseSender:
    """Wrapper of `send`: passes messages of the route until `closed`; `end` then sends the error."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._content_type: str | None = None
        self._complete = False
        self.closed = False

    async def pass_on(self, message: Message) -> None:
        """Send a message of the route; drop it once `closed` is set."""
        if self.closed:
            return
        if message["type"] == "http.response.start":
            self._content_type = Headers(raw=message["headers"]).get("content-type", "")
        elif message["type"] == "http.response.body":
            self._complete = not message.get("more_body", False)
        await self._send(message)

    async def end(self, scope: Scope, error: JawabError) -> None:
        """Send the error, if the state of the response allows it and the client still reads."""
        details = problem(error, page_language(Headers(scope=scope)), request_id(scope))
        with suppress(TimeoutError):
            async with asyncio.timeout(_SEND_SECONDS):
                if self._content_type is None:
                    await _error_response(scope, details)(scope, _disconnected, self._send)
                elif self._content_type.startswith("text/event-stream") and not self._complete:
                    body = _error_event(scope, details).encode()
                    await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _error_response(scope: Scope, details: Problem) -> Response:
    return failed(details) if scope["path"].startswith(PATHS) else problem_response(details)


def _error_event(scope: Scope, details: Problem) -> str:
    """Return the error event that ends a stream; empty for a page's own streams."""
    if _LONG_LIVED.match(scope["path"]):
        return ""
    if scope["path"].startswith(PATHS):
        return f"data: {json.dumps(failure_of(details), ensure_ascii=False)}\n\n"
    return f"event: error\ndata: {json.dumps(details.model_dump(exclude_none=True), ensure_ascii=False)}\n\n"


async def _disconnected() -> Message:
    return {"type": "http.disconnect"}
