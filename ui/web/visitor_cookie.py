"""Who visits: a secret in a cookie, which the page gives on the first visit and no script of a page can read."""

from __future__ import annotations

import secrets
from http.cookies import SimpleCookie

from starlette.requests import cookie_parser
from starlette.types import Scope

from ui.web.conversations.repository import visitor_of

COOKIE = "jawab_visitor"
_LOGGED_IN = "jawab_logged_in"
_YEARS = 5 * 365 * 86400


def cookie_in(header: str) -> str | None:
    """The secret that a `Cookie` header brings, if it is one that could have come from here."""
    secret = cookie_parser(header).get(COOKIE, "")
    return (
        secret
        if len(secret) >= 32 and secret.isascii() and secret.replace("-", "").replace("_", "").isalnum()
        else None
    )


def visitor_in(header: str) -> str | None:
    """Who a request comes from, as the store knows visitors; `None` without a cookie of ours."""
    secret = cookie_in(header)
    return visitor_of(secret) if secret else None


def note_login(scope: Scope) -> None:
    """Say that this request comes from a browser that has a login."""
    scope[_LOGGED_IN] = True


def is_logged_in(scope: Scope) -> bool:
    """Whether the browser has a login: then there is something to log out of."""
    return bool(scope.get(_LOGGED_IN))


def over_tls(scope: Scope) -> bool:
    """Whether the browser speaks TLS: to us, or to a proxy on this computer that says so (uvicorn puts it here)."""
    return scope.get("scheme") == "https"


def new_cookie(secure: bool) -> str:
    """A `Set-Cookie` header for somebody who comes for the first time: sent to this server alone, and not by links;
    where it is `secure`, only over TLS."""
    cookie: SimpleCookie = SimpleCookie()
    cookie[COOKIE] = secrets.token_urlsafe(32)
    for name, value in {"path": "/", "httponly": True, "samesite": "Lax", "max-age": _YEARS, "secure": secure}.items():
        cookie[COOKIE][name] = value
    return cookie.output(header="").strip()
