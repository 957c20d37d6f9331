"""All routes of the API."""

from __future__ import annotations

from fastapi import APIRouter

from ui.api.articles import article_routes
from ui.api.ask import ask_routes
from ui.api.docs import docs_routes
from ui.api.health import health_routes
from ui.api.jobs import job_routes
from ui.api.method_not_allowed import method_not_allowed_routes
from ui.api.openai_routes import openai_routes
from ui.api.search import search_routes
from ui.api.uploads import upload_routes
from ui.services import Services
from ui.telemetry.metrics import Metrics


def api_routes(services: Services, metrics: Metrics) -> APIRouter:
    """Return the router of the API and its documentation page."""
    parts = (
        ask_routes(services), search_routes(services), article_routes(), upload_routes(services), job_routes(services),
        openai_routes(services), health_routes(services, metrics), docs_routes(),
    )  # fmt: skip
    router = APIRouter()
    for part in parts:
        router.include_router(part)
    for refusal in method_not_allowed_routes(route for part in parts for route in part.routes):
        router.routes.append(refusal)
    return router
