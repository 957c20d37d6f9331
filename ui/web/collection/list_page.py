"""HTML of the collection page: search, filter, sort, open and remove articles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import get_args
from urllib.parse import urlencode

from index.article_list import ArticleQuery, ArticleSummary, SortOrder
from index.articles import Language
from ui.collections.repository import DEFAULT_ID, LONGEST_NAME, CollectionInfo
from ui.dates_and_plurals import format_date, plural_category
from ui.escaping import escape, in_language
from ui.i18n import translate

ROWS = 50
"""Articles on one page."""


def collection_html(
    named: CollectionInfo,
    name: str,
    found: Sequence[ArticleSummary],
    wanted: ArticleQuery,
    page: int,
    publishers: Sequence[tuple[str, int]],
    language: Language,
) -> str:
    """Render the search form, the number of articles, `ROWS` of them, and the pagination links.

    `name` is the displayed name of the collection `named`.
    """
    pages = max(1, -(-len(found) // ROWS))
    page = min(max(page, 1), pages)
    rows = "".join(_row(one, language) for one in found[(page - 1) * ROWS : page * ROWS])
    listed = f'<ol class="shelf">{rows}</ol>' if found else f'<p class="note">{_text("shelf.nothing", language)}</p>'
    count = escape(translate(f"page.articles.{plural_category(len(found))}", language, count=len(found)))
    return (
        f'<main class="collection" data-collection="{escape(named.id)}"><h1 dir="auto">{escape(name)}</h1>'
        f'<p><a href="/articles/pictures">{_text("pictures.link", language)}</a></p>'
        f"{_collections(named, language)}{_bring(language)}"
        f"{_form(wanted, publishers, language)}"
        f'<p class="note" role="status">{count}</p>{listed}{_pages(wanted, page, pages, language)}'
        f'<p id="taken" role="status" hidden><span>{_text("shelf.removed", language)}</span>'
        f' <button type="button">{_text("undo", language)}</button></p></main>'
    )


def _text(key: str, language: Language) -> str:
    return escape(translate(f"page.{key}", language))


def _collections(named: CollectionInfo, language: Language) -> str:
    """Render the forms to rename, create and remove a collection; `static/collection.js` handles them."""

    def text(key: str) -> str:
        return _text(f"collections.{key}", language)

    def form(do: str, value: str) -> str:
        return (
            f'<form data-do="{do}"><label>{text(f"{do}_label")}<input required maxlength="{LONGEST_NAME}" dir="auto"'
            f' value="{escape(value)}" autocomplete="off"></label><button>{text(do)}</button></form>'
        )

    remove = "" if named.id == DEFAULT_ID else f'<button type="button" data-do="remove">{text("remove")}</button>'
    return (
        f'<details class="collections"><summary>{text("title")}</summary><p>{text("about")}</p>'
        f"{form('rename', named.name)}{form('make', '')}{remove}</details>"
        f'<p id="collection-gone" role="status" hidden><span>{text("removed")}</span>'
        f' <button type="button">{_text("undo", language)}</button> <a href="/articles">{text("to_first")}</a></p>'
    )


def _bring(language: Language) -> str:
    """Render the upload form; `static/bring.js` handles it."""

    def text(key: str) -> str:
        return _text(f"bring.{key}", language)

    return (
        f'<section class="bring" aria-label="{text("title")}"><h2>{text("title")}</h2><p>{text("about")}</p>'
        f'<p class="ways"><label>{text("files")}<input type="file" multiple></label>'
        f'<label>{text("folder")}<input type="file" webkitdirectory></label>'
        f'<button type="button" id="stop-bringing" hidden>{text("stop")}</button>'
        f'<button type="button" id="read-again" hidden>{text("again")}</button>'
        f'<a id="show-brought" href="/articles" hidden>{text("show")}</a></p>'
        '<div id="brought" role="status"></div></section>'
    )


def _form(wanted: ArticleQuery, publishers: Sequence[tuple[str, int]], language: Language) -> str:
    """Render the search form in plain HTML: usable by keyboard, with the filters in the URL."""
    words = _text("shelf.words", language)
    languages = [("", _text("shelf.any_language", language))]
    languages += [(one, _text(f"shelf.{one}", language)) for one in get_args(Language)]
    sources = [("", _text("shelf.any_publisher", language))]
    sources += [(escape(name), f"{escape(name)} ({count})") for name, count in publishers]
    orders = [(one, _text(f"shelf.{one}", language)) for one in get_args(SortOrder)]
    return (
        '<form class="wanted" method="get" action="/articles" role="search">'
        f'<input type="search" name="words" value="{escape(wanted.words)}" aria-label="{words}" placeholder="{words}"'
        ' dir="auto">'
        f"{_choice('language', languages, wanted.language or '', language)}"
        f"{_choice('publisher', sources, escape(wanted.publisher or ''), language)}"
        f"{_day('since', wanted.since, language)}{_day('until', wanted.until, language)}"
        f"{_choice('order', orders, wanted.order, language)}"
        f"<button>{_text('shelf.show', language)}</button></form>"
    )


def _choice(name: str, choices: Sequence[tuple[str, str]], chosen: str, language: Language) -> str:
    options = "".join(
        f'<option value="{value}"{" selected" if value == chosen else ""}>{shown}</option>' for value, shown in choices
    )
    return f'<label><span>{_text(f"shelf.by_{name}", language)}</span><select name="{name}">{options}</select></label>'


def _day(name: str, value: str | None, language: Language) -> str:
    return (
        f"<label><span>{_text(f'shelf.by_{name}', language)}</span>"
        f'<input type="date" name="{name}" value="{escape(value or "")}"></label>'
    )


def _row(listed: ArticleSummary, language: Language) -> str:
    own = in_language(listed.language)
    where = [format_date(listed.date, language) if listed.date else None, listed.publisher]
    if listed.told > 1:
        where.append(translate(f"page.shelf.told.{plural_category(listed.told)}", language, count=listed.told))
    origin = " · ".join(f"<bdi>{escape(part)}</bdi>" for part in where if part)
    remove = escape(translate("page.shelf.remove_this", language, title=listed.title))
    return (
        f'<li data-article="{escape(listed.id)}"><div>'
        f'<a href="#" class="open" data-article="{escape(listed.id)}" {own}>'
        f'{escape(listed.title)}</a><p class="origin">{origin}</p></div>'
        f'<button type="button" class="remove" aria-label="{remove}">{_text("shelf.remove", language)}</button></li>'
    )


def _pages(wanted: ArticleQuery, page: int, pages: int, language: Language) -> str:
    if pages == 1:
        return ""
    links = [_page_link(wanted, page - 1, "previous", language)] if page > 1 else []
    links.append(f"<span>{escape(translate('page.shelf.page', language, page=page, pages=pages))}</span>")
    links += [_page_link(wanted, page + 1, "next", language)] if page < pages else []
    return f'<nav class="pages" aria-label="{_text("shelf.pages", language)}">{"".join(links)}</nav>'


def _page_link(wanted: ArticleQuery, page: int, name: str, language: Language) -> str:
    asked = {key: value for key, value in asdict(wanted).items() if value} | {"page": page}
    return f'<a href="/articles?{escape(urlencode(asked))}" rel="{name}">{_text(f"shelf.{name}", language)}</a>'
