"""HTML of the collection page: search, filter, sort, open and remove articles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import get_args
from urllib.parse import urlencode

from index.article_list import ArticleQuery, ArticleSummary, SortOrder
from index.articles import Language
from ui.collections.repository import DEFAULT_ID, MAX_NAME_LENGTH, CollectionInfo
from ui.dates_and_plurals import format_date, plural_category
from ui.escaping import strip_control_characters
from ui.i18n import translate
from ui.templating import render

ROWS_PER_PAGE = 50
"""Articles on one page."""


def collection_html(
    named: CollectionInfo,
    name: str,
    found: Sequence[ArticleSummary],
    wanted: ArticleQuery,
    page: int,
    publishers: Sequence[tuple[str, int]],
    undo_until: date,
    language: Language,
) -> str:
    """Render the search form, the number of articles, `ROWS_PER_PAGE` of them, and the pagination links.

    `name` is the displayed name of the collection `named`, which can be restored until `undo_until` if it is removed.
    """
    pages = max(1, -(-len(found) // ROWS_PER_PAGE))
    page = min(max(page, 1), pages)
    return render(
        "collection/list.html", language,
        named=named, name=name, removable=named.id != DEFAULT_ID,
        undo_until=format_date(undo_until.isoformat(), language), longest_name=MAX_NAME_LENGTH,
        wanted=wanted, publisher=strip_control_characters(wanted.publisher or ""),
        options=_options(publishers, language), count=len(found),
        rows=[(one, _origin(one, language)) for one in found[(page - 1) * ROWS_PER_PAGE : page * ROWS_PER_PAGE]],
        page=page, pages=pages, links=_links(wanted, page, pages),
    )  # fmt: skip


def _options(publishers: Sequence[tuple[str, int]], language: Language) -> dict[str, list[tuple[str, str]]]:
    """Return the choices of the search form, each with its options: value and text."""

    def named(*values: str) -> list[tuple[str, str]]:
        return [(value, translate(f"page.article_list.{value}", language)) for value in values]

    sources = [(strip_control_characters(name), f"{name} ({count})") for name, count in publishers]
    return {
        "language": [("", translate("page.article_list.any_language", language)), *named(*get_args(Language))],
        "publisher": [("", translate("page.article_list.any_publisher", language)), *sources],
        "order": named(*get_args(SortOrder)),
    }


def _origin(listed: ArticleSummary, language: Language) -> list[str]:
    """Return the date, publisher and number of articles of the same story, omitting those that are missing."""
    where = [format_date(listed.date, language) if listed.date else None, listed.publisher]
    if listed.told > 1:
        where.append(
            translate(f"page.article_list.story_size.{plural_category(listed.told)}", language, count=listed.told)
        )
    return [part for part in where if part]


def _links(wanted: ArticleQuery, page: int, pages: int) -> dict[str, str]:
    """Return the addresses of the previous and the next page, where there is one."""
    asked = {key: value for key, value in asdict(wanted).items() if value}
    numbers = (("previous", page - 1), ("next", page + 1))
    return {rel: f"/articles?{urlencode(asked | {'page': one})}" for rel, one in numbers if 1 <= one <= pages}
