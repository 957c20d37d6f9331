"""Domain models of the collection: articles, their copies, and skipped files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["ar", "en"]
Field = Literal["text", "title"]


@dataclass(frozen=True)
class Span:
    """A stretch of an article's text: code points, `end` exclusive."""

    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Article:
    """An article as it was read. `text` is never altered; `ignored` marks boilerplate in it.

    `date` is the article's own, as YYYY-MM-DD, never that of the page or of today; `date_from` is where it was
    found and `date_certainty` (0 to 1) how sure it is (`index/dates/publication_date.py`).
    """

    id: str
    title: str
    text: str
    language: Language
    date: str | None = None
    source: str | None = None
    author: str | None = None
    ignored: tuple[Span, ...] = ()
    date_from: str | None = None
    date_certainty: float | None = None

    def field(self, name: Field) -> str:
        """Return the field that a quotation is cut from."""
        return self.title if name == "title" else self.text


@dataclass(frozen=True)
class Copy:
    """A copy of an article: another document with the identical text."""

    id: str
    title: str
    date: str | None
    source: str | None
    author: str | None
    date_from: str | None = None
    date_certainty: float | None = None


@dataclass(frozen=True)
class Skipped:
    """A file, or a line or member of one, that was not indexed; `reason` is a key of `skipped.*` in `ui/texts`."""

    path: str
    reason: str
    line: int | None = None
    member: str = ""
