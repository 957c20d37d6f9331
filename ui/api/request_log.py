"""A line in the log for every request: which route, how it ended, how long it took. Never the path: it names articles
and conversations."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.api.request_id import request_id
from ui.logs import LOGGER_NAMES

_log = logging.getLogger(f"{LOGGER_NAMES}.requests")


class RequestLog:
    """Logs requests when they have been answered, or were left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        began, status, sent = time.perf_counter(), None, 0

        async def counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            fields = {
                "request_id": request_id(scope), "method": scope["method"], "route": route_of(scope), "status": status,
                "ms": round((time.perf_counter() - began) * 1000, 1), "bytes": sent,
            }  # fmt: skip
            # Who asks is told only where the gate knows.
            caller = scope.get("jawab_caller")
            _log.info("request", extra=fields | ({"caller": caller} if caller else {}))


def route_of(scope: Scope) -> str | None:
    """The route as it is written in the program, `/v1/articles/{article_id}`; none where the request came to none."""
    return getattr(scope.get("route"), "path", None) or None
