"""Route of the article view beside the chat."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from index.articles import Field
from index.errors import ArticleMissing
from ui.http.language import PageLanguage
from ui.i18n import error_message
from ui.templating import render
from ui.web.article_view.article import article_html, marks_of
from ui.web.current_collection import CollectionInPath

_LONGEST_ID = 2000


def article_view_routes() -> APIRouter:
    """Return the router of the article view."""
    router = APIRouter(prefix="/page/collections/{collection}")

    @router.get("/article")
    def article(
        collection: CollectionInPath,
        id: Annotated[str, Query(max_length=_LONGEST_ID)],
        language: PageLanguage = "en",
        start: int = -1,
        end: int = -1,
        field: Field = "text",
        phrase: Annotated[str, Query(max_length=2000)] = "",
    ) -> HTMLResponse:
        try:
            found = collection.articles.article(id)
        except ArticleMissing as error:
            return HTMLResponse(render("article/missing.html", language, message=error_message(error, language)), 404)
        marks = marks_of(found, start, end, phrase, field)
        return HTMLResponse(article_html(found, collection.articles.same_story(found.id), marks, language))

    return router
