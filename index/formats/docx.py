"""Word documents: paragraphs and tables in their order, as plain text."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from index.formats.draft import Draft, Refused
from index.formats.metadata import text_of
from index.formats.packed import BrokenPackage, PackageTooLarge, open_package

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table

SUFFIXES = (".docx",)


def read(data: bytes) -> Iterator[Draft | Refused]:
    """One article. Its date is not taken: a document's own dates are those of the file, not of what it tells."""
    # Imported here: many collections have no Word document.
    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import LxmlError

    try:
        open_package(data).close()
        document = docx.Document(io.BytesIO(data))
        text = "\n\n".join(part for part in _parts(document) if part.strip())
        properties = document.core_properties
        title, author = text_of(properties.title), text_of(properties.author)
    except PackageTooLarge:
        yield Refused("unpacks_too_large")
        return
    except (BrokenPackage, OpcError, LxmlError, KeyError, ValueError, OSError, AttributeError):
        # python-docx says in all these ways that a part of a document is missing or is not what it should be.
        yield Refused("broken_document")
        return
    yield Draft(text=text, title=title or _headline(document), author=author) if text else Refused("empty")


def _parts(document: Document) -> Iterator[str]:
    from docx.table import Table

    for part in document.iter_inner_content():
        yield _table(part) if isinstance(part, Table) else part.text


def _table(table: Table) -> str:
    """A row a line; cells that are merged over several columns are given once."""
    rows = (dict.fromkeys(cell.text.strip() for cell in row.cells) for row in table.rows)
    return "\n".join(" | ".join(filter(None, row)) for row in rows)


def _headline(document: Document) -> str | None:
    for paragraph in document.paragraphs:
        if paragraph.style is not None and paragraph.style.name in ("Title", "Heading 1"):
            return text_of(paragraph.text)
    return None
