"""Which collection a request is about: the one that it names, or the one that was chosen on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import cookie_parser

from index.articles import Language
from index.errors import JawabError
from ui.collections import DEFAULT_ID, CollectionInfo
from ui.i18n import translate
from ui.web.escaping import escape, in_language
from ui.web.site import Collection, Site

COLLECTION_COOKIE = "jawab_collection"
"""The cookie in which the page keeps the collection that was chosen on it."""


def chosen_id(site: Site, headers: Mapping[str, str]) -> str:
    """The collection that was chosen on the page, if it is there still; else the first."""
    wanted = cookie_parser(headers.get("cookie", "")).get(COLLECTION_COOKIE, "")
    return wanted if any(one.id == wanted for one in site.collections.all()) else DEFAULT_ID


def _in_path(request: Request, collection: str) -> Collection:
    site: Site = request.app.state.site
    return site.collections.find(collection)


CollectionInPath = Annotated[Collection, Depends(_in_path)]
"""The collection that the address names; an error of opening it is answered as errors are."""


def name_of(named: CollectionInfo, language: Language) -> str:
    """What a collection is called; one that nobody has named is called what the first one is."""
    return named.name or translate("page.shelf.heading", language)


def switcher_html(site: Site, current: str, language: Language) -> str:
    """The list to switch collections with; nothing where there is but one. `static/side.js` switches."""
    named = site.collections.all()
    if len(named) < 2:
        return ""
    options = "".join(
        f'<option value="{escape(one.id)}"{" selected" if one.id == current else ""}>'
        f"{escape(name_of(one, language))}</option>"
        for one in named
    )
    label = escape(translate("page.collections.switch", language))
    return f'<label id="collections" {in_language(language)}><span>{label}</span><select>{options}</select></label>'


def opened(site: Site, wanted: str | None) -> tuple[Collection, JawabError | None]:
    """The wanted collection; or the first, and why it is not the wanted one."""
    try:
        return site.collections.find(wanted), None
    except JawabError as error:
        if wanted in (None, "", DEFAULT_ID):
            raise
        return site.collections.find(None), error
