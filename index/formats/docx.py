"""Word documents: paragraphs and tables in their order, as plain text.

Tracked insertions, text boxes and footnotes (at the end) are included. Deleted and hidden text, comments, and the
headers and footers of pages are not.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from index.formats.metadata import text_of
from index.formats.parsed import ParsedDocument, Rejected
from index.formats.zip_container import DAMAGED, ContainerTooLarge, CorruptContainer, open_container

if TYPE_CHECKING:
    from docx.document import Document

SUFFIXES = (".docx",)

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_SIGNS = {
    f"{_W}tab": "\t",
    f"{_W}br": "\n",
    f"{_W}cr": "\n",
    f"{_W}noBreakHyphen": "\u2011",
    f"{_W}softHyphen": "\u00ad",
}
_SKIPPED_TAGS = {f"{_W}del", f"{_W}moveFrom", f"{_W}rt", _FALLBACK}
"""Skipped elements: deleted or moved text, ruby above East Asian letters, fallbacks that repeat other content."""
_BOX = f"{_W}txbxContent"
_NOTES = ("/footnotes", "/endnotes")


def read(data: bytes) -> Iterator[ParsedDocument | Rejected]:
    """Yield one article, without a date: the dates of a document are those of the file, not of its content."""
    # Imported here: many collections have no Word document.
    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    try:
        open_container(data).close()
        document = docx.Document(io.BytesIO(data))
        parts = [*_blocks(document.element.body), *_notes(document)]
        text = "\n\n".join(part for part in parts if part.strip())
        properties = document.core_properties
        title, author = text_of(properties.title) or _headline(document), text_of(properties.author)
    except ContainerTooLarge:
        yield Rejected("unpacks_too_large")
        return
    except (CorruptContainer, OpcError, LxmlError, KeyError, ValueError, TypeError, AttributeError, *DAMAGED):
        # python-docx raises all of these for a part of a document that is missing or invalid.
        yield Rejected("broken_document")
        return
    yield ParsedDocument(text=text, title=title, author=author) if text else Rejected("empty")


def _blocks(container: Iterable[Any]) -> Iterator[str]:
    """Yield the paragraphs and tables in an element, including wrapped ones (content controls, tracked changes)."""
    for element in container:
        if element.tag == f"{_W}p":
            yield _text(element)
            for box in _boxes(element):
                yield from _blocks(box)
        elif element.tag == f"{_W}tbl":
            yield _table(element)
        elif isinstance(element.tag, str) and element.tag not in _SKIPPED_TAGS:
            yield from _blocks(element)


def _text(element: Any) -> str:
    """Return the text of a paragraph, without its text boxes."""
    if element.tag == f"{_W}t":
        return element.text or ""
    if element.tag in _SIGNS:
        return _SIGNS[element.tag]
    if element.tag in _SKIPPED_TAGS or element.tag in (_BOX, f"{_W}pPr") or _is_hidden(element):
        return ""
    return "".join(_text(inner) for inner in element if isinstance(inner.tag, str))


def _is_hidden(element: Any) -> bool:
    hidden = element.find(f"{_W}rPr/{_W}vanish") if element.tag == f"{_W}r" else None
    return hidden is not None and hidden.get(f"{_W}val", "true") not in ("0", "false", "off")


def _boxes(element: Any) -> Iterator[Any]:
    """Yield the text boxes of a paragraph, the outermost only."""
    for inner in element:
        if inner.tag == _BOX:
            yield inner
        elif isinstance(inner.tag, str) and inner.tag not in _SKIPPED_TAGS:
            yield from _boxes(inner)


def _table(table: Any) -> str:
    """Return the text of a table, one line a row."""
    rows = (row for row in table.iter(f"{_W}tr") if next(row.iterancestors(f"{_W}tbl")) is table)
    lines = (" | ".join(filter(None, map(_cell, _own_cells(row)))) for row in rows if not _is_deleted(row))
    return "\n".join(lines)


def _own_cells(row: Any) -> Iterator[Any]:
    """Yield the cells of a row, without those of nested tables, which belong to their cell."""
    return (cell for cell in row.iter(f"{_W}tc") if next(cell.iterancestors(f"{_W}tr")) is row)


def _cell(cell: Any) -> str:
    return " ".join(" ".join(_blocks(cell)).split())


def _is_deleted(row: Any) -> bool:
    return row.find(f"{_W}trPr/{_W}del") is not None


def _notes(document: Document) -> Iterator[str]:
    """Yield footnotes and endnotes, in order; separator lines are notes without text."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    for relation in document.part.rels.values():
        if relation.reltype.endswith(_NOTES) and not relation.is_external:
            for note in etree.fromstring(relation.target_part.blob, parser):
                yield "\n".join(part for part in _blocks(note) if part.strip()).strip()


def _headline(document: Document) -> str | None:
    for paragraph in document.paragraphs:
        if paragraph.style is not None and paragraph.style.name in ("Title", "Heading 1"):
            return text_of(paragraph.text)
    return None
