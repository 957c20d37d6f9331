"""Methods that an address does not take are refused as such (405, with `Allow`).

The page is mounted at "/" and would answer them otherwise: that there is nothing at an address that there is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send


class _Refused:
    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = ", ".join(sorted(allowed))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(405, headers={"allow": self._allowed})


def method_not_allowed_routes(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """A route for every address of `routes`, to stand after them: whatever comes to it, its method was not theirs."""
    allowed: defaultdict[str, set[str]] = defaultdict(set)
    for route in routes:
        if isinstance(route, APIRoute):
            allowed[route.path] |= route.methods or set()
    return [Route(path, _Refused(methods), include_in_schema=False) for path, methods in allowed.items()]
