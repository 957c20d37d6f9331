"""Login form and session cookie."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ui.auth.login_throttle import LoginThrottle, LoginThrottled, client_of
from ui.auth.sessions import SessionStore
from ui.http.language import page_language
from ui.http.visitor_cookie import over_tls
from ui.templating import render

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

    def __init__(self, password: str | None, file: Path | None = None, session_days: float | None = None) -> None:
        self._password = password
        self._sessions = SessionStore(password or "", file, session_days)
        self._guesses = LoginThrottle()

    def has_entered(self, headers: Headers) -> bool:
        """Return True if the request has a valid session cookie."""
        return self._password is not None and self._sessions.has(_pass_in(headers))

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
            return _leaving(request) if self.has_entered(request.headers) else _form(request, "page.login.prompt", 200)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > _LONGEST_FORM:
                return Response(status_code=413)
        (given,) = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[:1]
        try:
            if not await self.is_password(given.encode(), client_of(request.scope)):
                return _form(request, "page.login.wrong_password", 403)
        except LoginThrottled as error:
            return _form(request, "page.login.throttled", 429, {"retry-after": str(error.fields["seconds"])})
        entered = RedirectResponse("/", 303)
        entered.set_cookie(
            SESSION_COOKIE,
            self._sessions.add(),
            max_age=round(self._sessions.seconds),
            httponly=True,
            samesite="lax",
            secure=over_tls(request.scope),
        )
        return entered

    def leave(self, request: Request) -> Response:
        """End the browser's session (POST); other methods only redirect to the form."""
        if request.method != "POST":
            return RedirectResponse(PATH, 303)
        self._sessions.remove(_pass_in(request.headers))
        left = RedirectResponse(PATH, 303)
        left.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax", secure=over_tls(request.scope))
        return left


def _pass_in(headers: Headers) -> str:
    return cookie_parser(headers.get("cookie", "")).get(SESSION_COOKIE, "")


def _form(request: Request, message: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return the login page; `message` is the key of its text, such as the reason for asking again."""
    html = render("login/form.html", page_language(request.headers), message=message, path=PATH)
    return _page(html, status, headers or {})


def _leaving(request: Request) -> Response:
    """Return the logout page, shown to users who are logged in."""
    language = page_language(request.headers)
    return _page(render("login/logout.html", language, message="page.login.logged_in", path=LOGOUT_PATH), 200, {})


def _page(html: str, status: int, headers: Mapping[str, str]) -> Response:
    return HTMLResponse(html, status, {"content-security-policy": POLICY, "cache-control": "no-store", **headers})
