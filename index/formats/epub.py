"""EPUB books: one article a chapter, in reading order."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lxml import etree, html
from lxml.html import defs

from index.formats.metadata import text_of
from index.formats.parsed import ParsedDocument, Rejected
from index.formats.zip_container import ContainerTooLarge, CorruptContainer, open_container, read_member

SUFFIXES = (".epub",)

_CONTAINER = "META-INF/container.xml"
_CHAPTERS = ("application/xhtml+xml", "text/html")
_BLOCKS = defs.block_tags | {"li", "tr", "dd", "dt", "figcaption", "aside"}
_SKIPPED_TAGS = ("script", "style", "head", "nav", "template")


def read(data: bytes) -> Iterator[ParsedDocument | Rejected]:
    """Yield one article a chapter. Chapters without text (covers, pictures, the title page) are skipped."""
    try:
        with open_container(data) as package:
            book = _book(package)
            drafts = [draft for name in book.chapters if (draft := _chapter(package, name, book))]
    except ContainerTooLarge:
        yield Rejected("unpacks_too_large")
    except (CorruptContainer, etree.LxmlError, ValueError):
        yield Rejected("broken_document")
    else:
        yield from drafts
        if not drafts:
            yield Rejected("empty")


@dataclass(frozen=True)
class _Book:
    """Metadata of the package document, and the members that are chapters, in order."""

    title: str | None
    author: str | None
    chapters: tuple[str, ...]


def _book(package: zipfile.ZipFile) -> _Book:
    # Namespaces differ between versions of the format; local names do not.
    (path, *_) = _xml(read_member(package, _CONTAINER)).xpath("//*[local-name()='rootfile']/@full-path") or [""]
    root = _xml(read_member(package, path))
    folder = posixpath.dirname(path)
    members = {
        item.get("id"): posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
        for item in root.xpath("//*[local-name()='manifest']/*[local-name()='item']")
        if item.get("media-type") in _CHAPTERS
    }
    order = root.xpath("//*[local-name()='spine']/*[local-name()='itemref']/@idref")
    return _Book(
        title=_metadata_text(root, "title"),
        author=_metadata_text(root, "creator"),
        chapters=tuple(members[name] for name in order if name in members),
    )


def _chapter(package: zipfile.ZipFile, name: str, book: _Book) -> ParsedDocument | None:
    try:
        page = html.document_fromstring(read_member(package, name), parser=html.HTMLParser(encoding="utf-8"))
    except etree.ParserError:  # raised for an empty page
        return None
    for element in page.xpath("|".join(f"//{tag}" for tag in _SKIPPED_TAGS)):
        element.drop_tree()
    text = _text(page)
    if not set(text.split()) - set(f"{book.title} {book.author}".split()):
        return None
    heading = text_of(page.xpath("string((//h1|//h2)[1])"))
    titles = dict.fromkeys(filter(None, (heading, book.title)))
    return ParsedDocument(text=text, key=name, title=" · ".join(titles) or None, source=book.title, author=book.author)


def _text(page: Any) -> str:
    """Return the text of a page, one paragraph a block."""
    for element in page.iter(etree.Element):
        if element.tag in _BLOCKS:
            element.text = f"\n\n{element.text or ''}"
            element.tail = f"\n\n{element.tail or ''}"
        elif element.tag == "br":
            element.tail = f"\n{element.tail or ''}"
    blocks = page.text_content().split("\n\n")
    return "\n\n".join(tidy for block in blocks if (tidy := " ".join(block.split())))


def _metadata_text(root: Any, name: str) -> str | None:
    return text_of(root.xpath(f"string(//*[local-name()='{name}'][1])"))


def _xml(data: bytes) -> Any:
    """Parse XML without entities or network access."""
    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
