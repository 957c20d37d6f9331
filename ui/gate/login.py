"""The form that asks a person for the password, and the pass that their browser keeps."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ui.gate.guesses import GuessedTooOften, Guesses, client_of
from ui.strings import say
from ui.web.language import page_language
from ui.web.safe import clean, in_language
from ui.web.visitor import over_tls

COOKIE = "jawab_pass"
PATH = "/login"
FEWEST = 8
"""Characters of a password."""
_DAYS = 30
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
        self._guesses = Guesses()

    def has_entered(self, headers: Headers) -> bool:
        """Whether the browser brings a pass."""
        until = self._passes.get(cookie_parser(headers.get("cookie", "")).get(COOKIE, ""), 0.0)
        return until > time.time()

    async def is_password(self, given: bytes, client: str) -> bool:
        """Whether it is the password; who has sent wrong ones waits for it. Raises `GuessedTooOften`."""
        if self._password is None:
            return False
        await self._guesses.wait(client)
        if hmac.compare_digest(given, self._password.encode()):
            self._guesses.forget(client)
            return True
        self._guesses.add_wrong(client)
        return False

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
        try:
            if not await self.is_password(given.encode(), client_of(request.scope)):
                return _form(request, "page.gate.wrong", 403)
        except GuessedTooOften as error:
            return _form(request, "page.gate.wait", 429, {"retry-after": str(error.fields["seconds"])})
        secret = secrets.token_urlsafe(32)
        now = time.time()
        self._passes = {known: until for known, until in self._passes.items() if until > now}
        self._passes[secret] = now + _DAYS * 86400
        entered = RedirectResponse("/", 303)
        entered.set_cookie(
            COOKIE, secret, max_age=_DAYS * 86400, httponly=True, samesite="lax", secure=over_tls(request.scope)
        )
        return entered


def _form(request: Request, key: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
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
    fixed = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return HTMLResponse(html, status, fixed | dict(headers or {}))
