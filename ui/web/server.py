"""The server: the page at "/", its parts under "/page", the API under "/v1", and the walls around all of them.

Nothing that a browser gets from here makes it ask another host for anything.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import JawabError
from ui.api.ask import api_routes
from ui.api.problems import answer_problem
from ui.web.chat.mount import mount_page
from ui.web.collection.pictures import pictures_pages
from ui.web.collection.routes import collection_pages, collection_parts
from ui.web.collection.uploads import upload_routes
from ui.web.gate import Gate
from ui.web.keeping.routes import conversation_parts
from ui.web.reading.routes import reading_parts
from ui.web.shell import SCRIPTS, STYLES
from ui.web.site import Site

_STYLES = (*STYLES, "collection.css", "pictures.css")
_SCRIPTS = (*SCRIPTS, "turns.js", "collection.js", "bring.js", "pictures.js")
_SAFETY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def create_app(site: Site, password: str | None = None) -> FastAPI:
    """The whole server, behind the password if there is one.

    Nothing runs and nothing is asked of the network until it is served.
    """
    # FastAPI's documentation page loads its scripts from another host.
    app = FastAPI(title="Jawab", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.site = site
    app.add_exception_handler(JawabError, answer_problem)
    # The last added stands first: the headers are on what the gate answers, too.
    app.add_middleware(Gate, password=password)
    app.add_middleware(_SafetyHeaders)
    app.include_router(api_routes(site))
    app.include_router(reading_parts())
    app.include_router(conversation_parts(site.conversations))
    app.include_router(collection_pages(site))
    app.include_router(collection_parts())
    app.include_router(pictures_pages(site))
    app.include_router(upload_routes())
    _add_static(app)
    mount_page(app, site)
    return app


def _add_static(app: FastAPI) -> None:
    @app.get("/page/fonts/{name}")
    def face(name: str) -> Response:
        if name not in {file.name for file in files("ui.web").joinpath("static", "fonts").iterdir()}:
            return Response(status_code=404)
        content = files("ui.web").joinpath("static", "fonts", name).read_bytes()
        kind = "font/woff2" if name.endswith(".woff2") else "text/plain; charset=utf-8"
        return Response(content, media_type=kind, headers={"cache-control": "max-age=31536000"})

    @app.get("/page/plotly.js")
    def plotly() -> Response:
        content = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
        headers = {"cache-control": "max-age=86400"}
        return Response(content, media_type="text/javascript; charset=utf-8", headers=headers)

    @app.get("/page/{name}")
    def static(name: str) -> Response:
        if name not in (*_STYLES, *_SCRIPTS):
            return Response(status_code=404)
        content = files("ui.web").joinpath("static", name).read_bytes()
        kind = "text/css" if name in _STYLES else "text/javascript"
        return Response(content, media_type=f"{kind}; charset=utf-8", headers={"cache-control": "no-cache"})


class _SafetyHeaders:
    """Adds the safety headers to every response; the page's own policy, set by `chat/mount.py`, is left as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SAFETY.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", _NOTHING)
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)
