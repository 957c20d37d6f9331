"""`/mcp` of the server: the tools over HTTP, each request by itself, so that a restart ends nobody's session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from index.articles import Language
from ui.api.problems import of_code
from ui.mcp.server import Collections, tool_server
from ui.queue.fair_queue import FairQueue

PATH = "/mcp"
_LONGEST = 64 * 1024
"""Bytes of a request; a question has no more than 2,000 characters."""


class ToolsOverHttp:
    """The tools as a part of a server, which answers while it is `running`."""

    def __init__(self, collections: Collections, line: FairQueue, language: Language) -> None:
        self._server = tool_server(collections, line, language)

    @asynccontextmanager
    async def running(self, _: object = None) -> AsyncIterator[None]:
        """The time in which the tools can be asked: the server's lifespan."""
        # Made anew each time, since one runs only once. Who may come in, and under which name the server may be
        # called, is seen to by the gate (`ui/auth/middleware.py`), which knows the password and every name of this
        # computer.
        self._server.streamable_http_app(
            stateless_http=True, max_request_body_size=_LONGEST,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )  # fmt: skip
        async with self._server.session_manager.run():
            yield

    def route(self) -> Route:
        """Where it is. It takes every method, so that those it refuses do not reach what is at "/"."""
        return Route(PATH, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method != "POST":
            # Where there are no sessions there is nothing to listen to (GET), and nothing to end (DELETE).
            await of_code(request, 405, {"allow": "POST"})(scope, receive, send)
        else:
            await self._server.session_manager.handle_request(scope, receive, send)
