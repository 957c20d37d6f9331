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

_LASTING = re.compile(r"/gradio_api/(?:heartbeat/|queue/data$)")
"""Streams that a page keeps open as long as it is open itself."""
_HEARD_WITHIN = 0.5
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
        sending = _Sending(send)
        try:
            await self._while_there_is_time(scope, receive, sending)
        except ClientDisconnect:
            return  # there is no client to respond to
        except JawabError as error:
            await sending.end(scope, error)
        except Exception as error:  # noqa: BLE001 - the outermost handler but for the server's plain "500"
            log_unexpected(error, request_id(scope))
            await sending.end(scope, InternalError())

    async def _while_there_is_time(self, scope: Scope, receive: Receive, sending: _Sending) -> None:
        """Run the route. Raises `ShuttingDown` when the request is cut at shutdown, and whatever the route raises."""
        with self._stopping.request(lasting=bool(_LASTING.match(scope["path"]))) as cut:
            work = asyncio.ensure_future(self._app(scope, receive, sending.pass_on))
            try:
                await asyncio.wait({work, cut}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    raise ShuttingDown
                work.result()
            finally:
                sending.closed = True
                work.cancel()


class _Sending:
    """Wrapper of `send`: passes messages of the route until `closed`; `end` then sends the error."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._kind: str | None = None
        self._complete = False
        self.closed = False

    async def pass_on(self, message: Message) -> None:
        """Send a message of the route; drop it once `closed` is set."""
        if self.closed:
            return
        if message["type"] == "http.response.start":
            self._kind = Headers(raw=message["headers"]).get("content-type", "")
        elif message["type"] == "http.response.body":
            self._complete = not message.get("more_body", False)
        await self._send(message)

    async def end(self, scope: Scope, error: JawabError) -> None:
        """Send the error, if the state of the response allows it and the client still reads."""
        found = problem(error, page_language(Headers(scope=scope)), request_id(scope))
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEARD_WITHIN):
                if self._kind is None:
                    await _answered(scope, found)(scope, _nothing_more, self._send)
                elif self._kind.startswith("text/event-stream") and not self._complete:
                    body = _event(scope, found).encode()
                    await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _answered(scope: Scope, found: Problem) -> Response:
    return failed(found) if scope["path"].startswith(PATHS) else problem_response(found)


def _event(scope: Scope, found: Problem) -> str:
    """Return the error event that ends a stream; empty for a page's own streams."""
    if _LASTING.match(scope["path"]):
        return ""
    if scope["path"].startswith(PATHS):
        return f"data: {json.dumps(failure_of(found), ensure_ascii=False)}\n\n"
    return f"event: error\ndata: {json.dumps(found.model_dump(exclude_none=True), ensure_ascii=False)}\n\n"


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}
