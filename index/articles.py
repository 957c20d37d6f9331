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
    """An article as parsed from its file. `text` is never altered; `ignored` marks boilerplate in it.

    `date` is the publication date as YYYY-MM-DD, never the date of the page or of indexing; `date_from` is its source
    and `date_certainty` (0 to 1) its certainty (`index/dates/publication_date.py`).
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
        """Return the text of a field that can be quoted."""
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
