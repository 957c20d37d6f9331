"""`/health` (liveness), `/ready` (readiness) and `/metrics` (Prometheus)."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from ui.errors import DEPRECATED_CODES
from ui.http.language import page_language
from ui.http.problems import Problem
from ui.i18n import explain_missing_llm
from ui.services import Services
from ui.telemetry.metrics import MEDIA_TYPE, Metrics


class Ready(BaseModel):
    """Response of `/ready`. Without an LLM (`llm` is `off`) the server answers with phrase and quotation alone; then
    `llm_problem` is the code of the reason, `deprecated_code` its former code and `detail` its message."""

    status: Literal["ready"] = "ready"
    llm: Literal["ready", "off"] = "ready"
    llm_problem: str | None = None
    deprecated_code: str | None = None
    detail: str | None = None


def health_routes(services: Services, metrics: Metrics) -> APIRouter:
    """Return the router. `/health` depends on nothing; `/ready` opens the first collection."""
    router = APIRouter(tags=["watching"])

    @router.get("/health", summary="Liveness")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @router.get(
        "/ready",
        summary="Readiness: models and index are loaded",
        response_model_exclude_none=True,
        responses={503: {"model": Problem}},
    )
    def ready(request: Request) -> Ready:
        services.collections.find(None)
        problem = services.models.llm_problem
        if problem is None:
            return Ready()
        detail = explain_missing_llm(problem, page_language(request.headers))
        former = DEPRECATED_CODES.get(problem.code)
        return Ready(llm="off", llm_problem=problem.code, deprecated_code=former, detail=detail)

    @router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
    def numbers() -> Response:
        return Response(metrics.scraped(services), media_type=MEDIA_TYPE)

    return router
