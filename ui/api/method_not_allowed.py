"""Responses to unsupported methods of known paths: 405, with `Allow`.

Gradio is mounted at "/" and would return 404 for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send


class _MethodNotAllowed:
    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = ", ".join(sorted(allowed))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise HTTPException(405, headers={"allow": self._allowed})


def method_not_allowed_routes(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """Return a 405 route for every path of `routes`. Add them after `routes`, so that only other methods reach them."""
    allowed: defaultdict[str, set[str]] = defaultdict(set)
    for route in routes:
        if isinstance(route, APIRoute):
            allowed[route.path] |= route.methods or set()
    return [Route(path, _MethodNotAllowed(methods), include_in_schema=False) for path, methods in allowed.items()]
