"""Who asks: a name that the gate gives to requests, so that callers can take turns."""

from __future__ import annotations

from starlette.types import Scope

_KEY = "jawab_caller"


def set_client_id(scope: Scope, caller: str) -> None:
    """Say who makes this request."""
    scope[_KEY] = caller


def get_client_id(scope: Scope) -> str:
    """Who makes this request; empty where that is not known, as on this computer alone."""
    found: str = scope.get(_KEY, "")
    return found
