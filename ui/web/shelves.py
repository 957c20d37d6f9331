"""The routes of the collection's page: to look through it, to take articles out, to bring them back."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from index.articles import Language
from index.browsing import Order, Wanted
from index.errors import ArticleMissing
from ui.strings import say
from ui.web.collection import collection_html
from ui.web.opening import page_language
from ui.web.shell import POLICY, page_html
from ui.web.site import Site

_DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
Short = Annotated[str, Query(max_length=300)]


class Taking(BaseModel):
    """An article that is taken out, or brought back while that can be done."""

    model_config = ConfigDict(extra="forbid", strict=True)

    do: Literal["remove", "restore"]
    id: str = Field(max_length=2000)


def collection_pages(site: Site) -> APIRouter:
    """The collection's page, and what is done on it."""
    router = APIRouter()

    @router.get("/articles")
    def articles(
        request: Request, words: Short = "", language: Literal["ar", "en", ""] = "", publisher: Short = "",
        since: Short = "", until: Short = "", order: Order = "newest", page: int = 1,
    ) -> HTMLResponse:  # fmt: skip
        in_language = page_language(request.headers)
        wanted = Wanted(words, _language(language), publisher or None, _day(since), _day(until), order)
        leaving = site.removals.waiting
        found = [one for one in site.shelf.browse(wanted) if one.id not in leaving]
        content = collection_html(found, wanted, page, site.shelf.publishers(), in_language)
        title = f"{say('page.shelf.heading', in_language)} · {say('page.title', in_language)}"
        html = page_html(title, content, in_language, ("collection.css",), ("collection.js", "bring.js"))
        return HTMLResponse(html, headers={"content-security-policy": POLICY, "cache-control": "no-store"})

    @router.post("/page/articles")
    def take(taking: Taking) -> dict[str, str]:
        if taking.do == "remove":
            try:
                site.articles.article(taking.id)
            except ArticleMissing as error:
                raise HTTPException(404) from error
            site.removals.take_out(taking.id)
        elif not site.removals.bring_back(taking.id):
            raise HTTPException(404)
        return {"done": taking.do}

    return router


def _language(given: str) -> Language | None:
    return "ar" if given == "ar" else "en" if given == "en" else None


def _day(given: str) -> str | None:
    """A date, or the beginning of one; anything else is no condition."""
    return given if _DAY.fullmatch(given) else None
