"""Plain text: the whole file is the article."""

from __future__ import annotations

from collections.abc import Iterator

from index.formats.draft import Draft
from index.formats.encoding import decode

SUFFIXES = (".txt",)


def read(data: bytes) -> Iterator[Draft]:
    yield Draft(text=decode(data))
