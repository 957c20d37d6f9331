"""Results of a format's parser: an article without an id yet, or the reason for its rejection."""

from __future__ import annotations

from dataclasses import dataclass

from index.articles import Language, Span


@dataclass(frozen=True)
class ParsedDocument:
    """An article as parsed from a file, or from one line of it.

    `key` distinguishes the articles of one file and is "" where there is only one; `id` is set where the file
    itself names the article. `ignored` marks parts that are not text in this format, such as front matter.
    `member` is the path inside an archive, "" elsewhere: for display, never used as a path on disk.
    """

    text: str
    key: str = ""
    id: str | None = None
    title: str | None = None
    date: str | None = None
    source: str | None = None
    author: str | None = None
    language: Language | None = None
    ignored: tuple[Span, ...] = ()
    member: str = ""


@dataclass(frozen=True)
class Rejected:
    """A part of a file that did not become an article; `reason` is a key of `skipped.*` in `ui/texts`."""

    reason: str
    line: int | None = None
    member: str = ""
