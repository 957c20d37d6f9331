"""Who asks: a name that the gate gives to requests, so that callers can take turns."""

from __future__ import annotations

from starlette.types import Scope

_KEY = "jawab_caller"


def name_caller(scope: Scope, caller: str) -> None:
    """Say who makes this request."""
    scope[_KEY] = caller


def caller_of(scope: Scope) -> str:
    """Who makes this request; empty where that is not known, as on this computer alone."""
    found: str = scope.get(_KEY, "")
    return found
