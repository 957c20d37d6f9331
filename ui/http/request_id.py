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
class _AtHand:
    name: str
    over: bool = False


_at_hand: ContextVar[_AtHand | None] = ContextVar("jawab_request", default=None)


def request_id(scope: Scope) -> str | None:
    """Return the id of the request, if it has one."""
    found: str | None = scope.get(_KEY)
    return found


def request_at_hand() -> str | None:
    """Return the id of the request in the current context, if any. It is not passed on to other threads."""
    found = _at_hand.get()
    # Tasks that a request started and that outlive it (the page's queue) inherit its context.
    return found.name if found and not found.over else None


class RequestIds:
    """ASGI middleware: takes a valid `X-Request-ID` of the client or generates one, and adds it to the response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        number = given if _NAME.fullmatch(given) else secrets.token_hex(8)
        scope[_KEY] = number

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = number
            await send(message)

        at_hand = _AtHand(number)
        token = _at_hand.set(at_hand)
        try:
            await self._app(scope, receive, named)
        finally:
            at_hand.over = True
            _at_hand.reset(token)
