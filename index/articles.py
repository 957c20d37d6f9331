"""The vocabulary of the collection: articles, and what was skipped on the way in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Language = Literal["ar", "en"]


@dataclass(frozen=True)
class Span:
    """A stretch of an article's text: code points, `end` exclusive."""

    start: int
    end: int

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Article:
    """An article as it was read. `text` is never altered; `ignored` marks what is not the article's own."""

    id: str
    title: str
    text: str
    language: Language
    date: str | None = None
    source: str | None = None
    author: str | None = None
    ignored: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Skipped:
    """A file or line that did not go in; `reason` is a key of `skipped.*` in `ui/strings`."""

    path: str
    reason: str
    line: int | None = None
