"""Publication date in the markup of a web page; modification dates are ignored.

A date of 2024 in a footer, or of a correction, is not the article's; so only dates marked as published are used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_META = (
    "article:published_time",
    "og:article:published_time",
    "og:published_time",
    "datepublished",
    "dc.date.issued",
    "dcterms.issued",
    "dcterms.created",
    "dc.date.created",
    "dc.date",
    "citation_publication_date",
    "citation_online_date",
    "parsely-pub-date",
    "sailthru.date",
    "cxenseparse:recs:publishtime",
    "publish-date",
    "publishdate",
    "publish_date",
    "pubdate",
    "article.published",
    "date",
)
"""Names and properties of `meta` elements, most reliable first."""
_NAMES = ("@property", "@name", "@itemprop")
_MODIFIED = ("modif", "updat", "edit", "revis", "تحديث", "تعديل")
_OUTSIDE_ARTICLE = ("footer", "aside", "nav", "comment", "related", "sidebar", "widget")
_MAX_DEPTH = 20


def published(page: Any) -> str | None:
    """Return the publication date of a page (lxml element), as written there."""
    for dates in (_linked_data(page), _meta(page), _time_elements(page)):
        value = next(dates, None)
        if value is not None:
            return value
    return None


def _linked_data(page: Any) -> Iterator[str]:
    for script in page.xpath("//script[contains(@type, 'ld+json')]/text()"):
        try:
            data = json.loads(script, strict=False)
        except (ValueError, RecursionError):
            continue
        yield from _publication_dates(data, _MAX_DEPTH)


def _publication_dates(data: object, depth: int) -> Iterator[str]:
    """Yield publication dates in document order: the article comes before those that the page links to."""
    if depth == 0:
        return
    if isinstance(data, dict):
        value = data.get("datePublished")
        if isinstance(value, str):
            yield value
        for inner in data.values():
            yield from _publication_dates(inner, depth - 1)
    elif isinstance(data, list):
        for inner in data:
            yield from _publication_dates(inner, depth - 1)


def _meta(page: Any) -> Iterator[str]:
    values = {
        str(name).strip().lower(): element.get("content")
        for element in page.xpath("//meta[@content]")
        for name in element.xpath("|".join(_NAMES))
    }
    for name in _META:
        if values.get(name):
            yield values[name]


def _time_elements(page: Any) -> Iterator[str]:
    """Yield dates of elements marked as published or inside the article, without modification dates."""
    marked = "//*[@itemprop='datePublished' or @pubdate]"
    for element in page.xpath(f"{marked} | //article//time[@datetime] | //main//time[@datetime]"):
        value = element.get("datetime") or element.get("content")
        if value and not _is_unrelated(element):
            yield value


def _is_unrelated(element: Any) -> bool:
    elements = [element, *(parent for _, parent in zip(range(2), element.iterancestors(), strict=False))]
    attributes = " ".join(f"{e.get('class', '')} {e.get('id', '')} {e.get('itemprop', '')}" for e in elements).lower()
    parent_text = " ".join("".join(elements[1].itertext()).split())[:100].lower() if len(elements) > 1 else ""
    if any(word in attributes or word in parent_text for word in _MODIFIED):
        return True
    ancestors = " ".join(
        f"{e.tag} {e.get('class', '')}" for e in element.iterancestors() if isinstance(e.tag, str)
    ).lower()
    return any(marker in ancestors for marker in _OUTSIDE_ARTICLE)
