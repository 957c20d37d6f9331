"""What a format hands over: an article that has no id yet, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from index.articles import Language, Span


@dataclass(frozen=True)
class ParsedDocument:
    """An article as one file (or one line of it) gives it.

    `key` tells apart the articles of one file and is "" where there is only one; `id` is set where the file
    itself names the article. `ignored` marks what the format knows not to be text, such as front matter.
    `member` is the path inside an archive, "" elsewhere: a name to show, never a path on a disk.
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
