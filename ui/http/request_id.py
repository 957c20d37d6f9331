"""Request ids, which link a client's response to the server's log lines and traces."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
_NAME = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_KEY = "jawab_request_id"


@dataclass
class _CurrentRequest:
    name: str
    ended: bool = False


_current: ContextVar[_CurrentRequest | None] = ContextVar("jawab_request", default=None)


def request_id(scope: Scope) -> str | None:
    """Return the id of the request, if it has one."""
    req_id: str | None = scope.get(_KEY)
    return req_id


def request_at_hand() -> str | None:
    """Return the id of the request in the current context, if any. It is not passed on to other threads."""
    current = _current.get()
    # Tasks that a request started and that outlive it (the page's queue) inherit its context.
    return current.name if current and not current.ended else None


class RequestIds:
    """ASGI middleware: takes a valid `X-Request-ID` of the client or generates one, and adds it to the response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get(HEADER, "")
        req_id = sent if _NAME.fullmatch(sent) else secrets.token_hex(8)
        scope[_KEY] = req_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = req_id
            await send(message)

        current = _CurrentRequest(req_id)
        token = _current.set(current)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            current.ended = True
            _current.reset(token)
