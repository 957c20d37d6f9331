"""Mount the Gradio chat page behind an allow-list.

Gradio's page template links to external hosts, and Gradio serves many more routes than a chat needs. `_Doorman` removes
the former and passes only requests to routes that the page uses.
"""

from __future__ import annotations

import base64
import hashlib
import re

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.articles import Language
from ui.escaping import in_language
from ui.http.language import page_language
from ui.http.visitor_cookie import cookie_in, is_logged_in, new_cookie, over_tls
from ui.services import Services
from ui.web.article_view.article import pane_html
from ui.web.chat.page import build_page
from ui.web.conversations.sidebar import frame_html
from ui.web.current_collection import chosen_id, switcher_html
from ui.web.layout import SCRIPTS, head_html

# Routes of Gradio that the page uses. Uploads, files by path, proxies, deep links, run history, logins and the API
# description are not among them and return 404.
_USED = re.compile(
    r"/|/(?:assets|static)/.+|/theme\.css|/favicon\.ico|/config"
    r"|/gradio_api/(?:queue/(?:join|data)|run/predict|cancel|reset|heartbeat/\w+|startup-events|app_id)"
)
# og: and twitter: tags point to Gradio's sites; the base tag would change the target of "#quotation"; the manifest is
# for installing the page as an app. (The script for resizing iframes is removed in `our_page`.)
_FOREIGN = re.compile(
    r"<meta\s[^>]*?(?:property=\"og:|name=\"twitter:)[^>]*>|<base\s[^>]*>|<link\s[^>]*rel=\"manifest\"[^>]*>"
)
_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
_BODY = re.compile(r"<body[^>]*>")


def mount_page(app: FastAPI, services: Services) -> None:
    """Mount the page at "/"; no other route of Gradio is reachable."""
    gr.mount_gradio_app(
        app, build_page(services), path="/", footer_links=[], run_history=False, show_error=False, ssr_mode=False,
        pwa=False, mcp_server=False, enable_monitoring=False, theme=_theme(), max_file_size=1,
    )  # fmt: skip
    for route in app.router.routes:
        if isinstance(route, Mount) and route.path == "":
            route.app = _Doorman(route.app, services)


def _theme() -> gr.themes.Base:
    # System fonts; Gradio's default theme would send font files.
    return gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]).set(
        body_background_fill="#f8f4ea",
        body_background_fill_dark="#1b1e23",
        body_text_color="#2a2622",
        body_text_color_dark="#e6e2d8",
    )


class _Doorman:
    """ASGI middleware before Gradio: passes the routes that the page uses and removes external links from its HTML."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if not _USED.fullmatch(path):
            raise HTTPException(404)
        if path == "/" and scope["method"] == "GET":
            await self._page(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Buffer and rewrite this one response; all others are streamed unchanged."""
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

        # The query is dropped: it could name a stored page state (deep links), which is not used here.
        await self._app({**scope, "headers": plain, "query_string": b""}, receive, collect)
        switcher = switcher_html(self._services, chosen_id(self._services, asked), language)
        frame = frame_html(language, switcher, is_logged_in(scope))
        html = our_page(body.decode("utf-8"), language, frame)
        headers = {"content-security-policy": page_policy(html), "cache-control": "no-store", "vary": "accept-language"}
        if cookie_in(cookie) is None:
            headers["set-cookie"] = new_cookie(over_tls(scope))
        response = Response(html, start["status"], headers, "text/html")
        await response(scope, receive, send)


def our_page(html: str, language: Language, frame: str) -> str:
    """Return Gradio's page in the user's language, without external links, with Jawab's frame, styles and scripts."""
    html = _FOREIGN.sub("", html)
    html = _SCRIPT.sub(lambda match: "" if "iframeResizer.contentWindow" in match["code"] else match[0], html)
    html = html.replace('lang="en"', in_language(language), 1)
    html = html.replace("</head>", f"{head_html(scripts=(*SCRIPTS, 'feedback.js'))}</head>", 1)
    return _BODY.sub(lambda match: f"{match[0]}{frame}{pane_html(language)}", html, count=1)


def page_policy(html: str) -> str:
    """Return the Content-Security-Policy for a page with exactly these inline scripts.

    Gradio's HTML component builds its template with `Function`, hence 'unsafe-eval'; its components set inline
    styles. Inline event handlers and any other inline script stay forbidden.
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
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def _digest(code: str) -> str:
    # Browsers hash the parsed text, in which every line break is one line feed.
    normal = code.replace("\r\n", "\n").replace("\r", "\n")
    return base64.b64encode(hashlib.sha256(normal.encode()).digest()).decode()
