"""Assemble the server: page at "/", its parts under "/page", API under "/v1", MCP at "/mcp", and the middleware.

No response makes a browser send a request to another host.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from importlib.resources import files

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import JawabError
from ui.api.routes import api_routes
from ui.auth.body_limit import BodyLimitMiddleware
from ui.auth.middleware import OPEN_ACCESS, AccessPolicy, AuthMiddleware
from ui.config import ServerSettings
from ui.http import problems
from ui.http.request_id import RequestIds
from ui.http.request_log import RequestLog
from ui.i18n import user_language
from ui.mcp.http import ToolsOverHttp
from ui.queue.loop_monitor import monitor_loop_lag
from ui.server.error_middleware import ErrorMiddleware
from ui.services import Services
from ui.telemetry.metrics import Metrics
from ui.telemetry.telemetry import Telemetry
from ui.web.article_view.routes import article_view_routes
from ui.web.chat.gradio_mount import mount_page
from ui.web.collection.charts import chart_pages
from ui.web.collection.routes import collection_pages, collection_routes
from ui.web.collection.uploads import upload_routes
from ui.web.conversations.routes import conversation_routes
from ui.web.layout import SCRIPTS, STYLES

_STYLES = (*STYLES, "collection.css", "charts.css")
_SCRIPTS = (*SCRIPTS, "feedback.js", "collection.js", "upload.js", "charts.js", "docs.js")
_SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
}
_DESCRIPTION = "Answers questions about a collection of articles, in Arabic or English, and quotes them word for word."
_DEFAULT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def create_app(
    services: Services,
    entry: AccessPolicy = OPEN_ACCESS,
    observers: Telemetry | None = None,
    settings: ServerSettings | None = None,
) -> FastAPI:
    """Create the complete server; `entry` is its access policy, open by default. `observers` monitor its assistants.

    Nothing runs and no network is used until it is served.
    """
    # FastAPI's own documentation page loads its scripts from another host: `ui/api/docs.py` has ours.
    observers = observers or Telemetry()
    tools = ToolsOverHttp(services.collections, services.queue, user_language())
    app = FastAPI(
        title="Jawab", version=version("jawab"), description=_DESCRIPTION, docs_url=None, redoc_url=None,
        lifespan=partial(_lifespan, tools, observers.metrics),
    )  # fmt: skip
    app.state.services = services
    app.add_exception_handler(JawabError, problems.handle_error)
    app.add_exception_handler(HTTPException, problems.handle_http_exception)
    app.add_exception_handler(RequestValidationError, problems.handle_validation_error)
    # The middleware added last is the outermost: responses of `AuthMiddleware` get the security headers, too.
    app.add_middleware(AuthMiddleware, entry=entry)
    app.add_middleware(BodyLimitMiddleware, settings=settings)
    if entry.origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(entry.origins), allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(ErrorMiddleware, stopping=observers.stopping)
    app.add_middleware(_SecurityHeaders)
    if observers.tracing:
        app.add_middleware(observers.tracing.middleware)
    app.add_middleware(RequestLog)
    app.add_middleware(RequestIds)
    app.include_router(api_routes(services, observers.metrics))
    app.router.routes.append(tools.route())
    app.include_router(article_view_routes(), include_in_schema=False)
    app.include_router(conversation_routes(services.conversations), include_in_schema=False)
    app.include_router(collection_pages(services), include_in_schema=False)
    app.include_router(collection_routes(), include_in_schema=False)
    app.include_router(chart_pages(services), include_in_schema=False)
    app.include_router(upload_routes(services.jobs), include_in_schema=False)
    _add_static(app)
    mount_page(app, services)
    return app


@asynccontextmanager
async def _lifespan(tools: ToolsOverHttp, metrics: Metrics, _: FastAPI) -> AsyncIterator[None]:
    """Lifespan of the server: run the MCP server and monitor event-loop lag."""
    async with tools.running(), monitor_loop_lag(metrics.loop_lag):
        yield


def _add_static(app: FastAPI) -> None:
    @app.get("/page/fonts/{name}", include_in_schema=False)
    def face(name: str) -> Response:
        if name not in {file.name for file in files("ui.web").joinpath("static", "fonts").iterdir()}:
            return Response(status_code=404)
        content = files("ui.web").joinpath("static", "fonts", name).read_bytes()
        media_type = "font/woff2" if name.endswith(".woff2") else "text/plain; charset=utf-8"
        return Response(content, media_type=media_type, headers={"cache-control": "max-age=31536000"})

    @app.get("/page/plotly.js", include_in_schema=False)
    def plotly() -> Response:
        content = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
        headers = {"cache-control": "max-age=86400"}
        return Response(content, media_type="text/javascript; charset=utf-8", headers=headers)

    @app.get("/page/{name}", include_in_schema=False)
    def static(name: str) -> Response:
        if name not in (*_STYLES, *_SCRIPTS):
            return Response(status_code=404)
        content = files("ui.web").joinpath("static", name).read_bytes()
        media_type = "text/css" if name in _STYLES else "text/javascript"
        return Response(content, media_type=f"{media_type}; charset=utf-8", headers={"cache-control": "no-cache"})


class _SecurityHeaders:
    """Add the security headers to every response, except a policy already set, as by `chat/gradio_mount.py`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY_HEADERS.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", _DEFAULT_POLICY)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
