"""Access log: route, status and duration of each request. The path is not logged: it has ids of articles and
conversations."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.http.request_id import request_id
from ui.logs import LOGGER_NAMES

_log = logging.getLogger(f"{LOGGER_NAMES}.requests")


class RequestLog:
    """ASGI middleware: logs requests when they are answered or abandoned."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        began, status, sent = time.perf_counter(), None, 0

        async def send_and_count(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_and_count)
        finally:
            fields = {
                "request_id": request_id(scope), "method": scope["method"], "route": route_of(scope), "status": status,
                "ms": round((time.perf_counter() - began) * 1000, 1), "bytes": sent,
            }  # fmt: skip
            # Set only if authentication has identified the client.
            caller = scope.get("jawab_caller")
            _log.info("request", extra=fields | ({"caller": caller} if caller else {}))


def route_of(scope: Scope) -> str | None:
    """Return the route's path template, such as `/v1/articles/{article_id}`; `None` if no route matched."""
    return getattr(scope.get("route"), "path", None) or None
