"""`POST /v1/search`: retrieve the passages that match a question, best first, without generating an answer."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from qa.question_context import found_passages
from ui.api.examples import SEARCHED
from ui.http.fields import FilteredQuestion, StrictInt
from ui.http.problems import openapi_responses
from ui.services import Services

MAX_PASSAGES = 100
_AT_ONCE = 16


class SearchBody(FilteredQuestion):
    """A search query with filters. Phrases in quotation marks must occur in the passages."""

    k: StrictInt = Field(10, ge=1, le=MAX_PASSAGES, description="number of passages")
    stories: bool = Field(False, description="only the best passage of each story, with the story's other articles")
    collection: str | None = Field(None, description="id of the collection; the first by default")


class Passage(BaseModel):
    """A passage: `text` is the article's from `start` to `end`, in code points; `score` is the cosine similarity."""

    article_id: str
    title: str
    start: int
    end: int
    text: str
    score: float
    others: list[str] | None = Field(None, description="ids of the story's other articles, if `stories` is set")


class Found(BaseModel):
    """The passages, best first."""

    question: str
    passages: list[Passage]


def search_routes(services: Services) -> APIRouter:
    """Return the router of `/v1/search`. Searches run in their own thread pool, so as not to delay other requests."""
    router = APIRouter(tags=["search"])
    threads = CapacityLimiter(_AT_ONCE)

    @router.post(
        "/v1/search", summary="Search passages", response_model=Found, response_model_exclude_none=True,
        responses=openapi_responses(400, 404, 422, 503),
    )  # fmt: skip
    async def search(body: Annotated[SearchBody, Body(openapi_examples=SEARCHED)]) -> dict[str, Any]:
        return await to_thread.run_sync(partial(_search, services, body), limiter=threads)

    return router


def _search(services: Services, body: SearchBody) -> dict[str, Any]:
    hits = services.collections.find(body.collection).search(body.question, body.k, body.only, body.stories)
    extras = [{"others": [story_article.id for story_article in hit.others]} if body.stories else {} for hit in hits]
    rows = zip(found_passages(hits), extras, strict=True)
    return {"question": body.question, "passages": [asdict(passage) | extra for passage, extra in rows]}
