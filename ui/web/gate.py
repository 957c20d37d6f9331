"""The gate before everything: who may come in, and under which name the server may be called.

On this computer alone (bound to a loopback address) nobody needs a password, but only names of this computer are
answered: a page of another site that has its own name point here (DNS rebinding) gets nothing. Bound to any other
address, everything but `/health` wants the password: page, handlers, parts, files and API alike.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import time
from collections import deque
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.api.problems import of_code
from ui.strings import say
from ui.web.language import page_language
from ui.web.safe import clean, in_language

COOKIE = "jawab_pass"
LOGIN = "/login"
FEWEST = 8
"""Characters of a password."""
_OPEN = ("/health", "/page/chat.css", "/page/fonts.css")
_FACES = "/page/fonts/"
_DAYS = 30
_TRIES, _WITHIN = 10, 60.0
"""Wrong passwords that are looked at, and within how many seconds."""
_LONGEST_FORM = 4096
POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` is reached from this computer alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_from_another_site(headers: Headers) -> bool:
    """Whether a page of another site had its visitor's browser send this, as far as the browser says so."""
    fetched, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if fetched is not None:
        return fetched not in ("same-origin", "none")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


class Gate:
    """Lets in who may come in. `password` is `None` where the server is reached from this computer alone."""

    def __init__(self, app: ASGIApp, password: str | None) -> None:
        self._app = app
        self._password = password
        self._passes: dict[str, float] = {}
        self._wrong: deque[float] = deque()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            # Nothing of Jawab speaks WebSocket.
            await send({"type": "websocket.close", "code": 1008})
        elif refused := await self._refused(Request(scope, receive)):
            await refused(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _refused(self, request: Request) -> Response | None:
        """What is answered in the place of what was asked for; nothing, if that may be had."""
        if self._password is None:
            return None if _is_called_right(request.headers) else Response("Wrong host name.\n", 421)
        if request.url.path == LOGIN:
            return await self._login(request)
        if request.url.path in _OPEN or request.url.path.startswith(_FACES) or self._knows(request.headers):
            return None
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(LOGIN, 303)
        return of_code(request, 401, {"www-authenticate": "Bearer"})

    def _knows(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and given:
            # Header values arrive decoded as Latin-1, whatever they were written in.
            return self._is_password(given.strip().encode("latin-1"))
        until = self._passes.get(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""), 0.0)
        return until > time.time()

    def _is_password(self, given: bytes) -> bool:
        """Whether it is the password; after too many wrong ones, none is looked at for a while."""
        now = time.monotonic()
        while self._wrong and self._wrong[0] < now - _WITHIN:
            self._wrong.popleft()
        if len(self._wrong) >= _TRIES or self._password is None:
            return False
        right = hmac.compare_digest(given, self._password.encode())
        if not right:
            self._wrong.append(now)
        return right

    async def _login(self, request: Request) -> Response:
        if request.method != "POST":
            return _form(request, "page.gate.ask", 200)
        if is_from_another_site(request.headers):
            return Response(status_code=403)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LONGEST_FORM:
                return Response(status_code=413)
        (given,) = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[:1]
        if not self._is_password(given.encode()):
            waits = len(self._wrong) >= _TRIES
            return _form(request, "page.gate.wait" if waits else "page.gate.wrong", 429 if waits else 403)
        secret = secrets.token_urlsafe(32)
        now = time.time()
        self._passes = {known: until for known, until in self._passes.items() if until > now}
        self._passes[secret] = now + _DAYS * 86400
        entered = RedirectResponse("/", 303)
        entered.set_cookie(COOKIE, secret, max_age=_DAYS * 86400, httponly=True, samesite="lax")
        return entered


def _is_called_right(headers: Headers) -> bool:
    """Whether the request names this computer as such."""
    host = headers.get("host", "")
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return is_loopback(name.lower())


def _form(request: Request, key: str, status: int) -> Response:
    """The page that asks for the password, and says why it asks again."""
    language = page_language(request.headers)

    def text(key: str) -> str:
        return clean(say(key, language))

    html = (
        f'<!doctype html><html {in_language(language)}><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{text("page.title")}</title>'
        '<link rel="stylesheet" href="/page/fonts.css"><link rel="stylesheet" href="/page/chat.css"></head>'
        '<body><main class="gate">'
        f"<h1>{text('page.title')}</h1><p>{text(key)}</p>"
        f'<form method="post" action="{LOGIN}"><label for="password">{text("page.gate.password")}</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" autofocus required>'
        f"<button>{text('page.gate.enter')}</button></form></main></body></html>"
    )
    return HTMLResponse(html, status, {"content-security-policy": POLICY, "cache-control": "no-store"})
