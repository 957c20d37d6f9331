"""Routes of conversations: list, change, rate and export.

Other sites cannot use them: changes need a JSON body, and the visitor is taken from the cookie.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from ui.conversations.export.docx import word
from ui.conversations.export.html import POLICY, printable
from ui.conversations.export.markdown import markdown
from ui.conversations.repository import MAX_TITLE_LENGTH, ConversationRepository, Rating
from ui.http.fields import Number
from ui.http.language import PageLanguage
from ui.http.visitor_cookie import is_logged_in, visitor_in
from ui.services import Services
from ui.web.conversations.sidebar import frame_html, sidebar_html
from ui.web.current_collection import chosen_id, switcher_html

_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def _somebody(cookie: Annotated[str, Header()] = "") -> str:
    """Return the visitor; 404 without a cookie of ours, as there are no conversations then."""
    visitor = visitor_in(cookie)
    if visitor is None:
        raise HTTPException(404)
    return visitor


Cookie = Annotated[str, Header()]
Visitor = Annotated[str, Depends(_somebody)]


class FeedbackBody(BaseModel):
    """A visitor's rating of an answer; `None` removes it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: Rating | None
    why: str = Field("", max_length=2000)


class Change(BaseModel):
    """A change to a conversation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    do: Literal["rename", "delete", "restore"]
    title: str = Field("", max_length=4 * MAX_TITLE_LENGTH)


def conversation_routes(store: ConversationRepository) -> APIRouter:
    """Return the router of all conversation routes."""
    router = APIRouter(prefix="/page")
    router.include_router(_listing(store))
    router.include_router(_changing(store))
    router.include_router(_exporting(store))
    return router


def _listing(store: ConversationRepository) -> APIRouter:
    router = APIRouter()

    @router.get("/sidebar")
    def side(request: Request, language: PageLanguage = "en") -> HTMLResponse:
        services: Services = request.app.state.services
        switcher = switcher_html(services, chosen_id(services, request.headers), language)
        return HTMLResponse(frame_html(language, switcher, is_logged_in(request.scope)))

    @router.get("/conversations")
    def conversations(
        cookie: Cookie = "",
        language: PageLanguage = "en",
        current: Annotated[str, Query(max_length=100)] = "",
        wanted: Annotated[str, Query(max_length=200)] = "",
    ) -> HTMLResponse:
        visitor = visitor_in(cookie)
        kept = store.all(visitor, wanted) if visitor else []
        return HTMLResponse(sidebar_html(kept, current, wanted, date.today(), language))

    return router


def _changing(store: ConversationRepository) -> APIRouter:
    router = APIRouter(prefix="/conversations/{number}")

    @router.post("")
    def change(number: str, change: Change, visitor: Visitor) -> dict[str, str]:
        if not _done(store, visitor, number, change):
            raise HTTPException(404)
        return {"done": change.do}

    @router.post("/turns/{turn}")
    def judge(number: str, turn: Number, judgement: FeedbackBody, visitor: Visitor) -> dict[str, str | None]:
        if not store.judge(visitor, number, turn, judgement.verdict, judgement.why):
            raise HTTPException(404)
        return {"verdict": judgement.verdict}

    return router


def _done(store: ConversationRepository, visitor: str, number: str, change: Change) -> bool:
    """Apply the change; return False if the title is empty or the conversation is not the visitor's."""
    match change.do:
        case "rename":
            return store.rename(visitor, number, change.title)
        case "delete":
            return store.delete(visitor, number)
        case "restore":
            return store.restore(visitor, number)


def _exporting(store: ConversationRepository) -> APIRouter:
    router = APIRouter()

    @router.get("/export/{number}.{kind}")
    def export(
        number: str, kind: Literal["md", "docx", "html"], visitor: Visitor, language: PageLanguage = "en"
    ) -> Response:
        kept = store.kept(visitor, number)
        if kept is None:
            raise HTTPException(404)
        turns = store.turns(visitor, number)
        if kind == "html":
            return HTMLResponse(printable(kept.title, turns, language), headers={"content-security-policy": POLICY})
        headers = {"content-disposition": f'attachment; filename="jawab.{kind}"'}
        if kind == "md":
            return Response(markdown(kept.title, turns), media_type="text/markdown", headers=headers)
        return Response(word(kept.title, turns), media_type=_WORD, headers=headers)

    return router
