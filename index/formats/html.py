"""Web pages: the article is taken out of the page; menus, share buttons and scripts stay behind."""

from __future__ import annotations

from collections.abc import Iterator

from index.formats.draft import Draft, Refused
from index.formats.metadata import date_of, text_of

SUFFIXES = (".html", ".htm", ".xhtml")


def read(data: bytes) -> Iterator[Draft | Refused]:
    """The stored text is the extracted article, as plain text."""
    # Imported here: trafilatura takes half a second to load, and many collections have no web page.
    import trafilatura

    # A page's "modified" or footer date is not the article's, so only what its markup states is believed.
    document = trafilatura.bare_extraction(
        data,
        include_comments=False,
        with_metadata=True,
        date_extraction_params={"original_date": True, "extensive_search": False},
    )
    if document is None or not (document.text or "").strip():
        yield Refused("no_article")
        return
    yield Draft(
        text=document.text,
        title=text_of(document.title),
        date=date_of(document.date),
        source=text_of(document.sitename) or text_of(document.url),
        author=text_of(document.author),
    )
