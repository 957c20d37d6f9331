"""A name for every request, so that what a client saw and what the server did can be told to be the same."""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
_NAME = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_KEY = "jawab_request_id"


def request_id(scope: Scope) -> str | None:
    """The name of the request, where it has one."""
    found: str | None = scope.get(_KEY)
    return found


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

        await self._app(scope, receive, named)
