"""PDF: the text layer, in reading order, as one article.

A file whose text cannot be extracted is rejected with a reason: encrypted, scanned (page images without a text layer),
unknown letters, or letters that cannot be put into reading order.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

from index.formats.bidi import Order
from index.formats.metadata import text_of
from index.formats.parsed import ParsedDocument, Rejected
from index.formats.pdf_lines import Page, page_of
from index.formats.pdf_paragraphs import text_of_pages

SUFFIXES = (".pdf",)

MAX_PAGES = 5_000
_WRONG_PASSWORD = 4
"""PDFium's error code."""
_MOST_UNKNOWN = 0.3
"""Largest share of signs without a letter; beyond it the fonts do not map to text."""
_PDFIUM_LOCK = threading.Lock()
"""PDFium is not thread-safe."""

_NOT_A_TITLE = re.compile(
    r"(untitled|unspecified|anonymous|title|unknown|slide 1|powerpoint presentation|document\d*|بلا عنوان)$"
    r"|microsoft (word|powerpoint|excel) - |.*\.(docx?|pdf|html?|indd|qxp|odt|rtf|txt|pptx?|tex|dvi|xlsx?)$|https?:"
    r"|[\W\d_]*$",
    re.IGNORECASE,
)
_NOT_A_PERSON = re.compile(r"(anonymous|unknown|user|admin|administrator|owner|author|مجهول|[\W\d_]*)$", re.IGNORECASE)


def read(data: bytes) -> Iterator[ParsedDocument | Rejected]:
    """Yield one article, without a date: the date of a file is not that of its content."""
    # Imported here: many collections have no PDF.
    from pypdfium2 import PdfDocument, PdfiumError

    with _PDFIUM_LOCK:
        try:
            document = PdfDocument(data)
        except PdfiumError as error:
            encrypted = getattr(error, "err_code", None) == _WRONG_PASSWORD
            result: ParsedDocument | Rejected = Rejected("pdf_encrypted" if encrypted else "broken_document")
        else:
            try:
                result = _read(document)
            finally:
                document.close()
    yield result


def _read(document: Any) -> ParsedDocument | Rejected:
    if len(document) > MAX_PAGES:
        return Rejected("too_many_pages")
    pages = list(_pages(document))
    text, ignored = text_of_pages(pages)
    reason = _rejection_reason(pages, text)
    if reason is not None:
        return Rejected(reason)
    metadata = document.get_metadata_dict()
    return ParsedDocument(
        text=text,
        title=_meaningful(metadata.get("Title"), _NOT_A_TITLE),
        author=_meaningful(metadata.get("Author"), _NOT_A_PERSON),
        ignored=ignored,
    )


def _pages(document: Any) -> Iterator[Page]:
    """Yield the readable pages, skipping damaged ones."""
    from pypdfium2 import PdfiumError

    for number in range(len(document)):
        try:
            page = document[number]
        except PdfiumError:
            continue
        try:
            yield page_of(page)
        finally:
            page.close()


def _rejection_reason(pages: list[Page], text: str) -> str | None:
    known, unknown = sum(page.known for page in pages), sum(page.unknown for page in pages)
    if unknown > _MOST_UNKNOWN * (known + unknown):
        return "pdf_unknown_letters"
    if not text.strip():
        return "pdf_no_text"
    order = sum((page.order for page in pages), Order(0, 0))
    return "pdf_visual_order" if order.is_right is False else None


def _meaningful(value: object, meaningless: re.Pattern[str]) -> str | None:
    line = text_of(value)
    return None if line is None or meaningless.match(line) else line
