"""Visitor cookie: a secret, set on the first visit and not readable by scripts (`HttpOnly`)."""

from __future__ import annotations

import secrets
from http.cookies import SimpleCookie

from starlette.requests import cookie_parser
from starlette.types import Scope

from ui.conversations.repository import visitor_of

COOKIE = "jawab_visitor"
_LOGGED_IN = "jawab_logged_in"
_MAX_AGE_SECONDS = 5 * 365 * 86400


def cookie_in(header: str) -> str | None:
    """Return the secret in a `Cookie` header, if it has the format of a visitor cookie."""
    secret = cookie_parser(header).get(COOKIE, "")
    return (
        secret
        if len(secret) >= 32 and secret.isascii() and secret.replace("-", "").replace("_", "").isalnum()
        else None
    )


def visitor_in(header: str) -> str | None:
    """Return the visitor id of a request, as used in the store; `None` without a visitor cookie."""
    secret = cookie_in(header)
    return visitor_of(secret) if secret else None


def note_login(scope: Scope) -> None:
    """Mark the request as coming from a logged-in browser."""
    scope[_LOGGED_IN] = True


def is_logged_in(scope: Scope) -> bool:
    """Return whether the browser is logged in, and so can log out."""
    return bool(scope.get(_LOGGED_IN))


def over_tls(scope: Scope) -> bool:
    """Return whether the browser uses TLS, to this server or to a trusted proxy (uvicorn sets the scheme)."""
    return scope.get("scheme") == "https"


def new_cookie(secure: bool) -> str:
    """Return the `Set-Cookie` value of a new visitor: this host only, `SameSite=Lax`; only over TLS if `secure`."""
    cookie: SimpleCookie = SimpleCookie()
    cookie[COOKIE] = secrets.token_urlsafe(32)
    for name, value in {
        "path": "/",
        "httponly": True,
        "samesite": "Lax",
        "max-age": _MAX_AGE_SECONDS,
        "secure": secure,
    }.items():
        cookie[COOKIE][name] = value
    return cookie.output(header="").strip()
