"""`/mcp` of the server: MCP tools over stateless HTTP, so that a restart ends no session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from index.articles import Language
from ui.http.problems import of_code
from ui.mcp.server import Collections, tool_server
from ui.queue.fair_queue import FairQueue

PATH = "/mcp"
_MAX_REQUEST_BYTES = 64 * 1024
"""Maximum bytes of a request; a question has at most 2,000 characters."""


class ToolsOverHttp:
    """ASGI app of the MCP tools; it answers while it is `running`."""

    def __init__(self, collections: Collections, queue: FairQueue, language: Language) -> None:
        self._server = tool_server(collections, queue, language)

    @asynccontextmanager
    async def running(self, _: object = None) -> AsyncIterator[None]:
        """Run the tool server; to be entered in the server's lifespan."""
        # Created anew each time, since a session manager runs only once. `ui/auth/middleware.py` already does
        # authentication and the check of the `Host` header.
        self._server.streamable_http_app(
            stateless_http=True, max_request_body_size=_MAX_REQUEST_BYTES,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )  # fmt: skip
        async with self._server.session_manager.run():
            yield

    def route(self) -> Route:
        """Return the route. It accepts every method, so that refused ones do not reach the app mounted at `/`."""
        return Route(PATH, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method != "POST":
            # Without sessions there is nothing to listen to (GET) and nothing to end (DELETE).
            await of_code(request, 405, {"allow": "POST"})(scope, receive, send)
        else:
            await self._server.session_manager.handle_request(scope, receive, send)
