"""All routes of the API."""

from __future__ import annotations

from fastapi import APIRouter

from ui.api.articles import article_routes
from ui.api.ask import ask_routes
from ui.api.docs import docs_routes
from ui.api.openai_routes import openai_routes
from ui.api.search import search_routes
from ui.api.watching import watching_routes
from ui.web.site import Site


def api_routes(site: Site) -> APIRouter:
    """The routes that programs use, and the page that documents them."""
    router = APIRouter()
    made = (ask_routes, search_routes, openai_routes, watching_routes)
    for routes in made:
        router.include_router(routes(site))
    router.include_router(article_routes())
    router.include_router(docs_routes())
    return router
