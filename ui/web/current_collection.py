"""Resolve the collection of a request: the one in its path, or the one selected on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import cookie_parser

from index.articles import Language
from index.errors import JawabError
from ui.collections.repository import DEFAULT_ID, CollectionInfo
from ui.i18n import translate
from ui.services import Collection, Services
from ui.templating import render

COLLECTION_COOKIE = "jawab_collection"
"""Name of the cookie with the collection selected on the page."""


def chosen_id(services: Services, headers: Mapping[str, str]) -> str:
    """Return the id of the collection selected on the page, if it still exists; else the default one."""
    wanted = cookie_parser(headers.get("cookie", "")).get(COLLECTION_COOKIE, "")
    return wanted if any(one.id == wanted for one in services.collections.all()) else DEFAULT_ID


def _in_path(request: Request, collection: str) -> Collection:
    services: Services = request.app.state.services
    return services.collections.find(collection)


CollectionInPath = Annotated[Collection, Depends(_in_path)]
"""Dependency: the collection in the path. Errors of opening it become problem responses."""


def name_of(named: CollectionInfo, language: Language) -> str:
    """Return a collection's display name; unnamed ones get the name of an unnamed default collection."""
    return named.name or translate("page.article_list.heading", language)


def switcher_html(services: Services, current: str, language: Language) -> str:
    """Render the collection selector; empty if there is only one. `static/sidebar.js` handles it."""
    named = services.collections.all()
    if len(named) < 2:
        return ""
    names = [(one.id, name_of(one, language)) for one in named]
    return render("chat/switcher.html", language, names=names, current=current)


def opened(services: Services, wanted: str | None) -> tuple[Collection, JawabError | None]:
    """Return the wanted collection; or the default one, with the error of opening the wanted one."""
    try:
        return services.collections.find(wanted), None
    except JawabError as error:
        if wanted in (None, "", DEFAULT_ID):
            raise
        return services.collections.find(None), error
