"""Limits on the size and slowness of request bodies. Uploads have their own size limits."""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.config import ServerSettings
from ui.http.problems import of_code

MIN_BYTES_PER_SECOND = 10_000
"""Minimum bytes per second of a body: it may take `stall_seconds`, plus one second for each so many bytes."""
_UPLOADS = "/v1/articles"


class BodyLimitMiddleware:
    """ASGI middleware: refuses bodies that are too large (413) or too slow (408)."""

    def __init__(self, app: ASGIApp, settings: ServerSettings | None = None) -> None:
        self._app = app
        self._settings = settings or ServerSettings()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = None if scope["path"] == _UPLOADS else self._settings.max_body_bytes
        told = Headers(scope=scope).get("content-length", "")
        if most is not None and told.isdecimal() and int(told[:20]) > most:
            await of_code(Request(scope), 413)(scope, receive, send)
            return
        try:
            await self._app(scope, _Limited(receive, most, self._settings.stall_seconds), send)
        except _BodyRefused as error:
            # Routes handle this themselves; `AuthMiddleware`, which reads the login form, does not.
            await of_code(Request(scope), error.status_code)(scope, receive, send)


class _BodyRefused(HTTPException):
    """The body is too large or too slow."""


class _Limited:
    """A `Receive` that enforces the limits. After the end of the body there is no timeout."""

    def __init__(self, receive: Receive, most: int | None, patience: float) -> None:
        self._receive = receive
        self._most = most
        self._patience = patience
        self._bytes = 0
        self._waited = 0.0
        self._complete = False

    async def __call__(self) -> Message:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._time_left()):
                message = await self._receive()
        except TimeoutError:
            raise _BodyRefused(408) from None
        self._waited += time.monotonic() - began
        self._bytes += len(message.get("body", b""))
        if self._most is not None and self._bytes > self._most:
            raise _BodyRefused(413)
        self._complete = not message.get("more_body")
        return message

    def _time_left(self) -> float | None:
        """Return the seconds left for the next part. Only waiting counts, not the processing of a part."""
        if self._complete:
            return None
        return min(self._patience, self._patience + self._bytes / MIN_BYTES_PER_SECOND - self._waited)
