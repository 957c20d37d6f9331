"""Authentication middleware, with checks of the `Host` header and of cross-site requests.

Bound to a loopback address, no login is required, but only loopback host names are accepted, which blocks DNS
rebinding. Bound to any other address, everything but `/health` and the static files of the login page requires the
password or an API key with the right scope: page, handlers, parts, files and API alike. Cross-site requests that
change something are refused in both cases, except from the allowed `origins`.

Paths are taken from the ASGI scope, as the router does. `request.url` also depends on the `Host` header.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from index.errors import JawabError
from ui.auth import password
from ui.auth.api_keys import KEY_PREFIX, APIKey, APIKeyStore
from ui.auth.host import check_host
from ui.auth.login_throttle import client_of
from ui.auth.password import PasswordAuth
from ui.auth.rate_limit import RateLimiter
from ui.auth.scopes import InsufficientScope, required_scope
from ui.http.client_id import set_client_id
from ui.http.language import page_language
from ui.http.problems import of_code, problem, problem_response
from ui.http.request_id import request_id
from ui.http.visitor_cookie import note_login

_OPEN = ("/health", "/page/chat.css", "/page/fonts.css")
_FACES = "/page/fonts/"
_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS")


def is_loopback(host: str) -> bool:
    """Return True if a server bound to `host` is reachable only from this computer."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class AccessPolicy:
    """Access settings. If `asks`, the `password` or one of the `keys` is required. Pages of the `origins` may use the
    API as Jawab's page does. `logins` is the session file; without one, sessions end with the server. Sessions last
    `session_days`, by default as in `AccessSettings`.
    """

    password: str | None = None
    keys: APIKeyStore | None = None
    asks: bool = False
    origins: frozenset[str] = frozenset()
    logins: Path | None = None
    session_days: float | None = None


OPEN_ACCESS = AccessPolicy()
"""No authentication."""


class AuthMiddleware:
    """ASGI middleware: refuses requests that the policy does not allow."""

    def __init__(self, app: ASGIApp, entry: AccessPolicy) -> None:
        self._app = app
        self._entry = entry
        self._login = PasswordAuth(entry.password, entry.logins, entry.session_days)
        self._rates = RateLimiter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            # Jawab does not use WebSocket.
            await send({"type": "websocket.close", "code": 1008})
        elif refused := await self._refused(Request(scope, receive)):
            await refused(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _refused(self, request: Request) -> Response | None:
        """Return the response to a refused (or login) request; `None` if the request may pass."""
        try:
            check_host(request.headers)
            if not self._entry.asks and not _is_called_right(request.headers):
                return Response("Wrong host name.\n", 421)
            if request.method not in _CHANGES_NOTHING and self._is_of_another_site(request.headers):
                return of_code(request, 403)
            if _is_open(request.scope["path"]):
                return None
            if key := self._key(request.headers):
                self._take(key, request)
                return None
            return await self._without_key(request) if self._entry.asks else None
        except JawabError as error:
            return problem_response(problem(error, page_language(request.headers), request_id(request.scope)))

    def _key(self, headers: Headers) -> APIKey | None:
        secret = _bearer(headers)
        keys = self._entry.keys
        return keys.find(secret) if keys and secret.startswith(KEY_PREFIX) else None

    def _take(self, key: APIKey, request: Request) -> None:
        scope = required_scope(request.method, request.scope["path"])
        if not key.may(scope):
            raise InsufficientScope(name=key.name, scope=scope)
        self._rates.count(key)
        set_client_id(request.scope, f"key {key.name}")

    async def _without_key(self, request: Request) -> Response | None:
        path: str = request.scope["path"]
        if path == password.PATH:
            return await self._login.enter(request)
        if path == password.LOGOUT_PATH:
            return self._login.leave(request)
        if await self._knows(request):
            return None
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(password.PATH, 303)
        return of_code(request, 401, {"www-authenticate": "Bearer"})

    async def _knows(self, request: Request) -> bool:
        given = _bearer(request.headers)
        if given.startswith(KEY_PREFIX):
            # A revoked API key must not count as a failed password attempt.
            return False
        if not given:
            if entered := self._login.has_entered(request.headers):
                note_login(request.scope)
            return entered
        # Header values arrive decoded as Latin-1, regardless of their encoding.
        return await self._login.is_password(given.encode("latin-1"), client_of(request.scope))

    def _is_of_another_site(self, headers: Headers) -> bool:
        """Return True if a page of another origin sent this; programs send no `Origin`."""
        origin, told = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if origin is None or (origin == "null" and told == "same-origin"):
            # A form of a page with `no-referrer` has the origin "null", Jawab's too. `Sec-Fetch-Site` is set by
            # the browser and distinguishes it from a page without an origin.
            return told not in ("none", "same-origin")
        own = headers.get("host")
        return origin not in self._entry.origins and origin not in (f"http://{own}", f"https://{own}")


def _is_open(path: str) -> bool:
    """Return True if a path needs no authentication."""
    return path in _OPEN or path.startswith(_FACES)


def _bearer(headers: Headers) -> str:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _is_called_right(headers: Headers) -> bool:
    """Return True if the `Host` header names a loopback address."""
    host = headers.get("host", "")
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return is_loopback(name.lower())
