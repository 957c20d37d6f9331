"""`/v1/articles`: list the articles of a collection, get one, delete one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from index.article_list import ArticleQuery, SortOrder
from index.articles import Article, Language
from index.errors import IndexLocked
from ui.http.etags import KNOWN, cache_headers, etag, matches, not_modified, weak_etag
from ui.http.fields import Day, Number
from ui.http.problems import openapi_responses
from ui.services import Collection, Services

MAX_ARTICLES = 500
_LOCK_SECONDS, _RETRY_SECONDS = 10.0, 0.2
"""Seconds to wait for a locked index, and between two attempts."""
CollectionId = Annotated[str | None, Query(description="id of the collection; the first by default")]


class ArticleListItem(BaseModel):
    """An article without its text. `told` is the number of articles of its story, including itself."""

    id: str
    title: str
    language: Language
    date: str | None
    publisher: str | None
    told: int


class ArticleList(BaseModel):
    """A page of the list; `next` is the value of `after` for the next page, null on the last one."""

    articles: list[ArticleListItem]
    total: int
    next: int | None = Field(description="value of `after` for the next page")


def _find_collection(request: Request, collection: CollectionId = None) -> Collection:
    services: Services = request.app.state.services
    return services.collections.find(collection)


CollectionDep = Annotated[Collection, Depends(_find_collection)]


def article_routes() -> APIRouter:
    """Return the router of `/v1/articles`."""
    router = APIRouter(prefix="/v1/articles", tags=["articles"])

    @router.get("", summary="List articles", response_model=ArticleList, responses=KNOWN | openapi_responses(404, 422))
    def articles(
        request: Request,
        response: Response,
        collection: CollectionDep,
        words: Annotated[str, Query(max_length=300, description="words that must all occur in title or text")] = "",
        language: Language | None = None,
        publisher: Annotated[str | None, Query(max_length=300)] = None,
        since: Day | None = None,
        until: Day | None = None,
        order: SortOrder = "newest",
        limit: Annotated[int, Query(ge=1, le=MAX_ARTICLES)] = 50,
        after: Number = 0,
    ) -> Any:
        # Computed before the search: an unchanged collection with the same query needs no new search.
        tag = weak_etag(collection.id, collection.articles.state, request.scope["query_string"].decode("latin-1"))
        if matches(request, tag):
            return not_modified(tag)
        response.headers.update(cache_headers(tag))
        matching = collection.article_browser.browse(ArticleQuery(words, language, publisher, since, until, order))
        page = matching[after : after + limit]
        next_offset = after + limit if after + limit < len(matching) else None
        return {"articles": [asdict(item) for item in page], "total": len(matching), "next": next_offset}

    @router.get(
        "/{article_id:path}", summary="Get an article with its text", response_model=Article,
        responses=KNOWN | openapi_responses(404),
    )  # fmt: skip
    def article(request: Request, response: Response, collection: CollectionDep, article_id: str) -> Any:
        fields = asdict(collection.articles.article(article_id))
        tag = etag(repr(fields))
        if matches(request, tag):
            return not_modified(tag)
        response.headers.update(cache_headers(tag))
        return fields

    @router.delete(
        "/{article_id:path}", summary="Remove an article", status_code=204, responses=openapi_responses(404, 503)
    )
    def remove(collection: CollectionDep, article_id: str) -> Response:
        collection.articles.article(article_id)
        _remove_with_retry(collection.pending_deletions.at_once, article_id)
        return Response(status_code=204)

    return router


def _remove_with_retry(remove: Callable[[str], None], article_id: str) -> None:
    """Remove an article, waiting up to `_LOCK_SECONDS` while indexing holds the lock, else raise `IndexLocked`."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            remove(article_id)
            return
        except IndexLocked:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
