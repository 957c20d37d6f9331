"""Bounds on the size and the slowness of a request's body. Uploads have bounds of their own for their size."""

from __future__ import annotations

import asyncio
import re
import time

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.api.problems import of_code

MOST = 4_000_000
"""Bytes of a body: far more than any question with all that was said before it."""
PATIENCE = 30.0
"""Seconds until the next part of a body must be there; in all they may be more by one for each `SLOWEST` bytes."""
SLOWEST = 10_000
"""Bytes a second that a long body must bring."""
_BRINGING = re.compile(r"/v1/articles|/page/collections/[^/]+/bring/[^/]+/files")


class BodyLimitMiddleware:
    """Refuses bodies that are too large (413) or too slow (408)."""

    def __init__(self, app: ASGIApp, most: int = MOST, patience: float = PATIENCE) -> None:
        self._app = app
        self._most = most
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = None if _BRINGING.fullmatch(scope["path"]) else self._most
        told = Headers(scope=scope).get("content-length", "")
        if most is not None and told.isdecimal() and int(told[:20]) > most:
            await of_code(Request(scope), 413)(scope, receive, send)
            return
        try:
            await self._app(scope, _Limited(receive, most, self._patience), send)
        except _BodyRefused as error:
            # Routes answer it themselves; the gate, which reads the form of the login, does not.
            await of_code(Request(scope), error.status_code)(scope, receive, send)


class _BodyRefused(HTTPException):
    """A body that is too large or too slow."""


class _Limited:
    """What is received, counted; once all of a body is there, whatever comes is waited for."""

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
        """Seconds until the next part must be there. Only the waiting counts, not what is done with a part."""
        if self._complete:
            return None
        return min(self._patience, self._patience + self._bytes / SLOWEST - self._waited)
