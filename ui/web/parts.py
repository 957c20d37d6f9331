"""Parts of the page that it fetches by themselves: an article to read, the list of conversations, what is done to them.

None of them is reached by a link from another site: what changes something is asked for in JSON, and whose
conversations are meant, the cookie says.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from index.articles import Language
from index.errors import ArticleMissing
from ui.strings import explain
from ui.web.article import article_html, marks_of
from ui.web.conversations import TITLE, Conversations
from ui.web.render import clean, direction
from ui.web.side import frame_html, side_html
from ui.web.site import Site
from ui.web.visitor import visitor_in

_LONGEST_ID = 2000
Cookie = Annotated[str, Header(alias="cookie")]
PageLanguage = Annotated[Language, Query(alias="in")]


class Change(BaseModel):
    """What is done to a conversation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    do: Literal["rename", "delete", "restore"]
    title: str = Field("", max_length=4 * TITLE)


def page_parts(site: Site) -> APIRouter:
    """The routes of the parts."""
    router = APIRouter(prefix="/page")

    @router.get("/article")
    def article(
        id: Annotated[str, Query(max_length=_LONGEST_ID)],
        language: PageLanguage = "en",
        start: int = -1,
        end: int = -1,
        phrase: Annotated[str, Query(max_length=2000)] = "",
    ) -> HTMLResponse:
        try:
            found = site.articles.article(id)
        except ArticleMissing as error:
            note = (
                f'<p class="note" lang="{language}" dir="{direction(language)}">{clean(explain(error, language))}</p>'
            )
            return HTMLResponse(note, 404)
        marks = marks_of(found, start, end, phrase)
        return HTMLResponse(article_html(found, site.articles.told_with(found.id), marks, language))

    @router.get("/side")
    def side(language: PageLanguage = "en") -> HTMLResponse:
        return HTMLResponse(frame_html(language))

    @router.get("/conversations")
    def conversations(
        cookie: Cookie = "",
        language: PageLanguage = "en",
        current: Annotated[str, Query(max_length=100)] = "",
        wanted: Annotated[str, Query(max_length=200)] = "",
    ) -> HTMLResponse:
        visitor = visitor_in(cookie)
        kept = site.conversations.all(visitor, wanted) if visitor else []
        return HTMLResponse(side_html(kept, current, wanted, date.today(), language))

    @router.post("/conversations/{number}")
    def change(number: str, change: Change, cookie: Cookie = "") -> dict[str, str]:
        visitor = visitor_in(cookie)
        if visitor is None or not _done(site.conversations, visitor, number, change):
            raise HTTPException(404)
        return {"done": change.do}

    return router


def _done(store: Conversations, visitor: str, number: str, change: Change) -> bool:
    """Does it; whether the conversation is there and the visitor's own."""
    match change.do:
        case "rename":
            return store.rename(visitor, number, change.title)
        case "delete":
            return store.delete(visitor, number)
        case "restore":
            return store.restore(visitor, number)
