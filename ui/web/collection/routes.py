"""Routes of collections: list articles, remove and restore them, create, rename and remove collections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from index.article_list import ArticleQuery, SortOrder
from index.articles import Language
from index.dates.beginnings import DateInvalid, parse_date_prefix
from ui.collections.repository import DEFAULT_ID, MAX_NAME_LENGTH, CollectionInfo
from ui.http.language import page_language
from ui.http.visitor_cookie import is_logged_in
from ui.i18n import error_message, translate
from ui.services import Services
from ui.templating import render
from ui.web.collection.list_page import collection_html
from ui.web.conversations.sidebar import frame_html
from ui.web.current_collection import CollectionInPath, chosen_id, name_of, opened, switcher_html
from ui.web.layout import POLICY, page_html

Short = Annotated[str, Query(max_length=300)]


class ArticleAction(BaseModel):
    """Removal of an article, or its restoration while that is possible."""

    model_config = ConfigDict(extra="forbid", strict=True)

    do: Literal["remove", "restore"]
    id: str = Field(max_length=2000)


class CollectionCreate(BaseModel):
    """The name of a new collection."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=4 * MAX_NAME_LENGTH)


class CollectionUpdate(BaseModel):
    """A change to a collection."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    do: Literal["rename", "remove", "restore"]
    name: str = Field("", max_length=4 * MAX_NAME_LENGTH)


def collection_pages(services: Services) -> APIRouter:
    """Return the router of the collection page."""
    router = APIRouter()

    @router.get("/articles")
    def articles(
        request: Request, words: Short = "", language: Literal["ar", "en", ""] = "", publisher: Short = "",
        since: Short = "", until: Short = "", order: SortOrder = "newest", page: int = 1,
    ) -> HTMLResponse:  # fmt: skip
        refused: list[DateInvalid] = []
        first, last = (_date(given, refused) for given in (since, until))
        wanted = ArticleQuery(words, _language(language), publisher or None, first, last, order)
        return _page(services, request, wanted, page, refused)

    return router


def _page(
    services: Services, request: Request, wanted: ArticleQuery, page: int, refused: Sequence[DateInvalid]
) -> HTMLResponse:
    """Render the list of articles, with messages above it for `refused` (invalid) dates."""
    language = page_language(request.headers)
    collection, problem = opened(services, chosen_id(services, request.headers))
    leaving = collection.pending_deletions.waiting
    found = [one for one in collection.article_browser.browse(wanted) if one.id not in leaving]
    named = next((one for one in services.collections.all() if one.id == collection.id), CollectionInfo(DEFAULT_ID, ""))
    name = name_of(named, language)
    errors = [*([problem] if problem else []), *reversed(refused)]
    alerts = render("collection/alerts.html", language, messages=[error_message(one, language) for one in errors])
    undo_until = date.today() + timedelta(days=services.retention.deleted_collection_days)
    content = alerts + collection_html(
        named, name, found, wanted, page, collection.article_browser.publishers(), undo_until, language
    )
    html = page_html(
        f"{name} · {translate('page.title', language)}", content, language,
        frame_html(language, switcher_html(services, collection.id, language), is_logged_in(request.scope)),
        ("collection.css",), ("collection.js", "upload.js"),
    )  # fmt: skip
    headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return HTMLResponse(html, 422 if refused else 200, headers)


def collection_routes() -> APIRouter:
    """Return the router of changes to collections and their articles."""
    router = APIRouter(prefix="/page/collections")

    @router.post("")
    def make(request: Request, naming: CollectionCreate) -> dict[str, str]:
        return {"id": _services(request).collections.make(naming.name).id}

    @router.post("/{collection}")
    def change(request: Request, collection: str, change: CollectionUpdate) -> dict[str, str]:
        collections = _services(request).collections
        match change.do:
            case "rename" if change.name:
                collections.rename(collection, change.name)
            case "remove":
                collections.remove(collection)
            case "restore":
                collections.restore(collection)
        return {"done": change.do}

    @router.post("/{collection}/articles")
    def take(collection: CollectionInPath, taking: ArticleAction) -> dict[str, str]:
        if taking.do == "remove":
            collection.articles.article(taking.id)
            collection.pending_deletions.take_out(taking.id)
        elif not collection.pending_deletions.bring_back(taking.id):
            raise HTTPException(404)
        return {"done": taking.do}

    return router


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _language(given: str) -> Language | None:
    return "ar" if given == "ar" else "en" if given == "en" else None


def _date(given: str, refused: list[DateInvalid]) -> str | None:
    """Parse a date or a prefix of one; anything else sets no filter and is added to `refused`."""
    try:
        return parse_date_prefix(given) if given else None
    except DateInvalid as error:
        refused.append(error)
        return None
