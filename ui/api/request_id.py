"""A name for every request, so that what a client saw and what the server did can be told to be the same."""

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
    """The name of the request, where it has one."""
    found: str | None = scope.get(_KEY)
    return found


def request_at_hand() -> str | None:
    """The name of the request that this is done for, where it is one. Not for other threads."""
    found = _at_hand.get()
    # What a request has started for all that come after it (the page's queue) goes on under its name.
    return found.name if found and not found.over else None


class RequestIds:
    """Takes the name that a client gave, if it is one, or gives one; the answer has it too."""

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
