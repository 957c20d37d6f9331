"""Plain text: the whole file is the article."""

from __future__ import annotations

from collections.abc import Iterator

from index.formats.encoding import decode
from index.formats.parsed import ParsedDocument

SUFFIXES = (".txt",)


def read(data: bytes) -> Iterator[ParsedDocument]:
    yield ParsedDocument(text=decode(data))
