"""All routes of the API."""

from __future__ import annotations

from fastapi import APIRouter

from ui.api.articles import article_routes
from ui.api.ask import ask_routes
from ui.api.docs import docs_routes
from ui.api.jobs import job_routes
from ui.api.metrics import Metrics
from ui.api.openai_routes import openai_routes
from ui.api.search import search_routes
from ui.api.uploads import upload_routes
from ui.api.watching import watching_routes
from ui.web.site import Site


def api_routes(site: Site, metrics: Metrics) -> APIRouter:
    """The routes that programs use, and the page that documents them."""
    router = APIRouter()
    router.include_router(ask_routes(site))
    router.include_router(search_routes(site))
    router.include_router(article_routes())
    router.include_router(upload_routes(site))
    router.include_router(job_routes(site))
    router.include_router(openai_routes(site))
    router.include_router(watching_routes(site, metrics))
    router.include_router(docs_routes())
    return router
