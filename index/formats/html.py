"""Web pages: the article is extracted; menus, share buttons and scripts are dropped."""

from __future__ import annotations

from collections.abc import Iterator

from index.formats.html_dates import published
from index.formats.metadata import date_of, text_of
from index.formats.parsed import ParsedDocument, Rejected

SUFFIXES = (".html", ".htm", ".xhtml")

_PRUNED = [
    # A paragraph that is one link leads to another article ("Read also: …").
    "//p[count(.//a) = 1 and string-length(normalize-space(.)) < 150 and normalize-space(.) = normalize-space(.//a)]",
    "//*[self::div or self::section or self::aside][contains(concat(' ', @class, ' '), ' newsletter ')]",
    "//*[self::div or self::section or self::aside][contains(concat(' ', @class, ' '), ' ads ')]",
]


def read(data: bytes) -> Iterator[ParsedDocument | Rejected]:
    """Yield the extracted article, as plain text."""
    # Imported here: trafilatura takes half a second to load, and many collections have no web page.
    import trafilatura

    page = trafilatura.load_html(data)
    if page is None:
        yield Rejected("no_article")
        return
    date = date_of(published(page))
    document = trafilatura.bare_extraction(page, include_comments=False, with_metadata=True, prune_xpath=_PRUNED)
    if document is None or not (document.text or "").strip():
        yield Rejected("no_article")
        return
    yield ParsedDocument(
        text=document.text,
        title=text_of(document.title),
        date=date,
        source=text_of(document.sitename) or text_of(document.url),
        author=text_of(document.author),
    )
