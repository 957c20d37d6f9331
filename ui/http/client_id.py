"""Client id of a request, set by `AuthMiddleware`, for fair queueing."""

from __future__ import annotations

from starlette.types import Scope

_KEY = "jawab_caller"


def set_client_id(scope: Scope, caller: str) -> None:
    """Set the client of this request."""
    scope[_KEY] = caller


def get_client_id(scope: Scope) -> str:
    """Return the client of this request; empty if unknown, as for requests without an API key."""
    caller: str = scope.get(_KEY, "")
    return caller
