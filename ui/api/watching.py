"""`/health`, `/ready` and `/metrics`: whether the server lives, whether it can answer, and what it does."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from ui.api.metrics import MEDIA_TYPE, Metrics
from ui.api.problems import Problem
from ui.web.site import Site


def watching_routes(site: Site, metrics: Metrics) -> APIRouter:
    """The routes. `/health` asks nothing of anything; `/ready` opens the first collection."""
    router = APIRouter(tags=["watching"])

    @router.get("/health", summary="The server lives")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/ready", summary="Models and index are there", responses={503: {"model": Problem}})
    def ready() -> dict[str, str]:
        site.collections.find(None)
        return {"status": "ready"}

    @router.get("/metrics", summary="Numbers for Prometheus", response_class=PlainTextResponse)
    def numbers() -> Response:
        return Response(metrics.scraped(site), media_type=MEDIA_TYPE)

    return router
