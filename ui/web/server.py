"""The server: the page at "/", the API under "/v1", and the walls around both.

Nothing that a browser gets from here makes it ask another host for anything. Gradio's own page template names
outside addresses and offers many more routes than a chat needs; `_Doorman` takes out the former and lets only
the latter that the page uses through.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.articles import Language
from index.errors import ArticleMissing, JawabError
from index.text.language import language_of
from qa.answer import Answer, Event, Finished, PassagesFound, PhraseFound, Token
from qa.asking.question import LONGEST
from ui.strings import explain
from ui.web.article import pane_html
from ui.web.chat import build_page
from ui.web.follow import follow
from ui.web.gate import Gate
from ui.web.opening import page_language
from ui.web.parts import page_parts
from ui.web.safe import in_language
from ui.web.shell import SCRIPTS, STYLES, head_html
from ui.web.shelves import collection_pages
from ui.web.side import frame_html
from ui.web.site import Assistant, Site
from ui.web.uploads import upload_routes
from ui.web.visitor import cookie_in, new_cookie

_STYLES = (*STYLES, "collection.css")
_SCRIPTS = (*SCRIPTS, "turns.js", "collection.js", "bring.js")
# What the page asks Gradio for. Uploads, files by path, proxies, deep links, run history, logins and the API's
# description are not among it, so they are not there.
_USED = re.compile(
    r"/|/(?:assets|static)/.+|/theme\.css|/favicon\.ico|/config"
    r"|/gradio_api/(?:queue/(?:join|data)|run/predict|cancel|reset|heartbeat/\w+|startup-events|app_id)"
)
# og: and twitter: tags point to Gradio's sites; the base tag would turn "#quotation" into another address; the
# manifest is for installing the page as an app; the resizer is for pages inside other pages.
_FOREIGN = re.compile(
    r"<meta\s[^>]*?(?:property=\"og:|name=\"twitter:)[^>]*>|<base\s[^>]*>|<link\s[^>]*rel=\"manifest\"[^>]*>"
)
_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
_BODY = re.compile(r"<body[^>]*>")
_SAFETY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


class AskBody(BaseModel):
    """The body of `POST /v1/ask`."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    question: str = Field(min_length=1, max_length=LONGEST)
    stream: bool = False


def create_app(site: Site, password: str | None = None) -> FastAPI:
    """The whole server for one collection, behind the password if there is one.

    Nothing runs and nothing is asked of the network until it is served."""
    # FastAPI's documentation page loads its scripts from another host.
    app = FastAPI(title="Jawab", docs_url=None, redoc_url=None, openapi_url=None)
    # The last added stands first: the headers are on what the gate answers, too.
    app.add_middleware(Gate, password=password)
    app.add_middleware(_SafetyHeaders)
    _add_api(app, site.assistant)
    app.include_router(page_parts(site))
    app.include_router(collection_pages(site))
    app.include_router(upload_routes(site.porter))
    _add_static(app)
    _mount_page(app, build_page(site))
    return app


def _add_api(app: FastAPI, assistant: Assistant) -> None:
    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/ask")
    async def ask(body: AskBody) -> Response:
        if body.stream:
            return StreamingResponse(_server_sent(assistant, body.question), media_type="text/event-stream")
        try:
            answer = await _whole(assistant, body.question)
        except JawabError as error:
            return JSONResponse(_problem(error, body.question), _status(error))
        return JSONResponse(answer.to_json())


async def _whole(assistant: Assistant, question: str) -> Answer:
    async with aclosing(follow(assistant, question)) as events:
        async for event in events:
            if isinstance(event, Finished):
                return event.answer
    raise RuntimeError("the assistant's stream ended without a record")


async def _server_sent(assistant: Assistant, question: str) -> AsyncGenerator[str, None]:
    try:
        async with aclosing(follow(assistant, question)) as events:
            async for event in events:
                named = _named(event)
                if named:
                    yield _event(*named)
    except JawabError as error:
        yield _event("error", _problem(error, question))


def _named(event: Event) -> tuple[str, object] | None:
    match event:
        case PhraseFound():
            return None  # the contract has no name for it; the record at the end has it
        case PassagesFound(passages):
            return "passages", {"passages": [asdict(passage) for passage in passages]}
        case Token(text):
            return "token", {"text": text}
        case Finished(answer):
            return "answer", answer.to_json()


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _problem(error: JawabError, question: str) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": explain(error, language_of(question))}}


def _status(error: JawabError) -> int:
    if isinstance(error, ArticleMissing):
        return 404
    return 503 if error.retryable else 500


def _add_static(app: FastAPI) -> None:
    @app.get("/page/fonts/{name}")
    def face(name: str) -> Response:
        if name not in {file.name for file in files("ui.web").joinpath("static", "fonts").iterdir()}:
            return Response(status_code=404)
        content = files("ui.web").joinpath("static", "fonts", name).read_bytes()
        kind = "font/woff2" if name.endswith(".woff2") else "text/plain; charset=utf-8"
        return Response(content, media_type=kind, headers={"cache-control": "max-age=31536000"})

    @app.get("/page/{name}")
    def static(name: str) -> Response:
        if name not in (*_STYLES, *_SCRIPTS):
            return Response(status_code=404)
        content = files("ui.web").joinpath("static", name).read_bytes()
        kind = "text/css" if name in _STYLES else "text/javascript"
        return Response(content, media_type=f"{kind}; charset=utf-8", headers={"cache-control": "no-cache"})


def _mount_page(app: FastAPI, page: gr.Blocks) -> None:
    gr.mount_gradio_app(
        app, page, path="/", footer_links=[], run_history=False, show_error=False, ssr_mode=False, pwa=False,
        mcp_server=False, enable_monitoring=False, theme=_theme(), max_file_size=1,
    )  # fmt: skip
    for route in app.router.routes:
        if isinstance(route, Mount) and route.path == "":
            route.app = _Doorman(route.app)


def _theme() -> gr.themes.Base:
    # Names of fonts of the reader's own system; Gradio's default theme would send font files.
    return gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]).set(
        body_background_fill="#f8f4ea",
        body_background_fill_dark="#1b1e23",
        body_text_color="#2a2622",
        body_text_color_dark="#e6e2d8",
    )


class _SafetyHeaders:
    """Adds the safety headers to every response; the page's own policy, set by `_Doorman`, is left as it is."""

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


class _Doorman:
    """Stands before Gradio: lets through what the page uses, and sends its template without foreign addresses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if not _USED.fullmatch(path):
            await Response(status_code=404)(scope, receive, send)
        elif path == "/" and scope["method"] == "GET":
            await self._page(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Only this one response is collected before it is sent; everything else streams untouched."""
        asked = Headers(scope=scope)
        language, cookie = page_language(asked), asked.get("cookie", "")
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        # The query could name a stored state of the page (deep links), which is not used here.
        await self._app({**scope, "headers": plain, "query_string": b""}, receive, collect)
        html = our_page(body.decode("utf-8"), language)
        headers = {"content-security-policy": page_policy(html), "cache-control": "no-store", "vary": "accept-language"}
        if cookie_in(cookie) is None:
            headers["set-cookie"] = new_cookie()
        response = Response(html, start["status"], headers, "text/html")
        await response(scope, receive, send)


def our_page(html: str, language: Language) -> str:
    """Gradio's page without anything from elsewhere, in the reader's language, and around it what is not Gradio's."""
    html = _FOREIGN.sub("", html)
    html = _SCRIPT.sub(lambda match: "" if "iframeResizer.contentWindow" in match["code"] else match[0], html)
    html = html.replace('lang="en"', in_language(language), 1)
    html = html.replace("</head>", f"{head_html(scripts=(*SCRIPTS, 'turns.js'))}</head>", 1)
    return _BODY.sub(lambda match: f"{match[0]}{frame_html(language)}{pane_html(language)}", html, count=1)


def page_policy(html: str) -> str:
    """The policy for a page with exactly these inline scripts.

    Gradio's HTML component makes its template with `Function`, hence 'unsafe-eval'; its components style
    themselves, hence inline styles. Inline event handlers and any other inline script stay forbidden.
    """
    codes = [match["code"] for match in _SCRIPT.finditer(html) if "src=" not in match["attributes"]]
    hashes = " ".join(f"'sha256-{_digest(code)}'" for code in codes)
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'unsafe-eval' {hashes}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _digest(code: str) -> str:
    # Browsers hash what they parsed, in which every line break is one line feed.
    normal = code.replace("\r\n", "\n").replace("\r", "\n")
    return base64.b64encode(hashlib.sha256(normal.encode()).digest()).decode()
