"""`/health` and `/ready`: whether the server lives, and whether it can answer."""

from __future__ import annotations

from fastapi import APIRouter

from ui.api.problems import Problem
from ui.web.site import Site


def watching_routes(site: Site) -> APIRouter:
    """The routes. `/health` asks nothing of anything; `/ready` opens the first collection."""
    router = APIRouter(tags=["watching"])

    @router.get("/health", summary="The server lives")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/ready", summary="Models and index are there", responses={503: {"model": Problem}})
    def ready() -> dict[str, str]:
        site.collections.find(None)
        return {"status": "ready"}

    return router
