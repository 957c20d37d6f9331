"""The form that asks a person for the password, and the pass that their browser keeps."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import deque
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ui.strings import say
from ui.web.language import page_language
from ui.web.safe import clean, in_language

COOKIE = "jawab_pass"
PATH = "/login"
FEWEST = 8
"""Characters of a password."""
_DAYS = 30
_TRIES, _WITHIN = 10, 60.0
"""Wrong passwords that are looked at, and within how many seconds."""
_LONGEST_FORM = 4096
POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)


class Login:
    """Knows the password, and who has entered it. Without a password nobody can."""

    def __init__(self, password: str | None) -> None:
        self._password = password
        self._passes: dict[str, float] = {}
        self._wrong: deque[float] = deque()

    def has_entered(self, headers: Headers) -> bool:
        """Whether the browser brings a pass."""
        until = self._passes.get(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""), 0.0)
        return until > time.time()

    def is_password(self, given: bytes) -> bool:
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

    async def enter(self, request: Request) -> Response:
        """The form, or what comes of it when it is sent."""
        if request.method != "POST":
            return _form(request, "page.gate.ask", 200)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LONGEST_FORM:
                return Response(status_code=413)
        (given,) = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[:1]
        if not self.is_password(given.encode()):
            waits = len(self._wrong) >= _TRIES
            return _form(request, "page.gate.wait" if waits else "page.gate.wrong", 429 if waits else 403)
        secret = secrets.token_urlsafe(32)
        now = time.time()
        self._passes = {known: until for known, until in self._passes.items() if until > now}
        self._passes[secret] = now + _DAYS * 86400
        entered = RedirectResponse("/", 303)
        entered.set_cookie(COOKIE, secret, max_age=_DAYS * 86400, httponly=True, samesite="lax")
        return entered


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
        f'<form method="post" action="{PATH}"><label for="password">{text("page.gate.password")}</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" autofocus required>'
        f"<button>{text('page.gate.enter')}</button></form></main></body></html>"
    )
    return HTMLResponse(html, status, {"content-security-policy": POLICY, "cache-control": "no-store"})
