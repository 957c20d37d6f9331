"""Login form and session cookie."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response

from index.articles import Language
from ui.auth.login_throttle import LoginThrottle, LoginThrottled, client_of
from ui.auth.sessions import SECONDS, SessionStore
from ui.escaping import escape, in_language
from ui.http.language import page_language
from ui.http.visitor_cookie import over_tls
from ui.i18n import translate

SESSION_COOKIE = "jawab_pass"
PATH = "/login"
LOGOUT_PATH = "/logout"
MIN_PASSWORD_LENGTH = 8
"""Minimum characters of a password."""
_LONGEST_FORM = 4096
POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)


class PasswordAuth:
    """Password login with sessions. Without a password nobody can log in."""

    def __init__(self, password: str | None, file: Path | None = None) -> None:
        self._password = password
        self._passes = SessionStore(password or "", file)
        self._guesses = LoginThrottle()

    def has_entered(self, headers: Headers) -> bool:
        """Return True if the request has a valid session cookie."""
        return self._password is not None and self._passes.has(_pass_in(headers))

    async def is_password(self, given: bytes, client: str) -> bool:
        """Check a password; clients that have sent wrong ones are delayed. Raises `LoginThrottled`."""
        if self._password is None:
            return False
        await self._guesses.wait(client)
        if hmac.compare_digest(given, self._password.encode()):
            self._guesses.forget(client)
            return True
        self._guesses.add_wrong(client)
        return False

    async def enter(self, request: Request) -> Response:
        """Return the login form (GET), or log in (POST)."""
        if request.method != "POST":
            return _leaving(request) if self.has_entered(request.headers) else _form(request, "page.gate.ask", 200)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LONGEST_FORM:
                return Response(status_code=413)
        (given,) = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[:1]
        try:
            if not await self.is_password(given.encode(), client_of(request.scope)):
                return _form(request, "page.gate.wrong", 403)
        except LoginThrottled as error:
            return _form(request, "page.gate.wait", 429, {"retry-after": str(error.fields["seconds"])})
        entered = RedirectResponse("/", 303)
        entered.set_cookie(
            SESSION_COOKIE,
            self._passes.add(),
            max_age=SECONDS,
            httponly=True,
            samesite="lax",
            secure=over_tls(request.scope),
        )
        return entered

    def leave(self, request: Request) -> Response:
        """End the browser's session (POST); other methods only redirect to the form."""
        if request.method != "POST":
            return RedirectResponse(PATH, 303)
        self._passes.remove(_pass_in(request.headers))
        left = RedirectResponse(PATH, 303)
        left.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax", secure=over_tls(request.scope))
        return left


def _pass_in(headers: Headers) -> str:
    return cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE, "")


def _form(request: Request, key: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return the login page; `key` is its message, such as the reason for asking again."""
    language = page_language(request.headers)
    content = (
        f'<form method="post" action="{PATH}"><label for="password">{_text("password", language)}</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" autofocus required>'
        f"<button>{_text('enter', language)}</button></form>"
    )
    return _page(key, content, language, status, headers)


def _leaving(request: Request) -> Response:
    """Return the logout page, shown to users who are logged in."""
    language = page_language(request.headers)
    content = (
        f'<form method="post" action="{LOGOUT_PATH}"><button>{_text("leave", language)}</button></form>'
        f'<p><a href="/">{_text("back", language)}</a></p>'
    )
    return _page("page.gate.entered", content, language, 200)


def _text(key: str, language: Language) -> str:
    return escape(translate(f"page.gate.{key}", language))


def _page(
    key: str, content: str, language: Language, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    def text(key: str) -> str:
        return escape(translate(key, language))

    html = (
        f'<!doctype html><html {in_language(language)}><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{text("page.title")}</title>'
        '<link rel="stylesheet" href="/page/fonts.css"><link rel="stylesheet" href="/page/chat.css"></head>'
        '<body><main class="gate">'
        f"<h1>{text('page.title')}</h1><p>{text(key)}</p>"
        f"{content}</main></body></html>"
    )
    fixed = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return HTMLResponse(html, status, fixed | dict(headers or {}))
