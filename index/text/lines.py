"""Lines of an article: prose paragraphs, and the edges before the first and after the last one.

Pages have boilerplate at the edges of an article, but headlines, bylines and datelines too, so an edge is searched,
not dropped.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from index.articles import Span
from index.text.folding import fold_text

_LINE = re.compile(r"[^\n]+")
_CLOSING = "\"'”’»)]}*_ "
_LONGEST_FOLDED = 300
"""Code points; a longer line is neither a label nor a date and need not be folded."""
_PROSE_WORDS = 4
_PROSE_LENGTH = 120
"""Code points from which a line is a paragraph even without a full stop: headlines are shorter."""
_MOST_LINES = 10_000
"""Lines examined at the beginning and at the end: between them, a longer text is a list or a table."""


@dataclass(frozen=True)
class Line:
    """A non-blank line: its span without the line break, and its stripped text."""

    span: Span
    text: str

    @cached_property
    def folded(self) -> str:
        """The folded text with single spaces; empty for lines too long to be anything but prose."""
        return " ".join(fold_text(self.text).split()) if len(self.text) <= _LONGEST_FOLDED else ""

    @property
    def label(self) -> str:
        """The folded text without the marks and symbols around it: "« Close ×" is "close"."""
        return self.folded.strip(" .:!،,…·•|*_#<>«»‹›→←↑↓×+-–—=")

    @property
    def is_prose(self) -> bool:
        """True for a paragraph: several words ending in a full stop, or a long line."""
        return len(self.text) >= _PROSE_LENGTH or (
            self.text.rstrip(_CLOSING).endswith((".", "…")) and len(self.text.split()) >= _PROSE_WORDS
        )


def lines_of(text: str) -> list[Line]:
    """Return the non-blank lines of `text`, in order; of a text of very many, the first and the last ones."""
    matches = (
        (match, match.group().strip())
        for scope in _scopes(text)
        for match in _LINE.finditer(text, scope.start, scope.end)
    )
    return [Line(Span(match.start(), match.end()), stripped) for match, stripped in matches if stripped]


def _scopes(text: str) -> list[Span]:
    if text.count("\n") <= 2 * _MOST_LINES:
        return [Span(0, len(text))]
    head, tail = 0, len(text)
    for _ in range(_MOST_LINES):
        head = text.index("\n", head) + 1
        tail = text.rindex("\n", 0, tail)
    return [Span(0, head), Span(tail, len(text))]


def unmasked_lines(text: str, ignored: Sequence[Span]) -> list[Line]:
    """Return the lines of `text` that no ignored span overlaps, in order."""
    unmasked, spans, first = [], sorted(ignored, key=lambda span: span.start), 0
    for line in lines_of(text):
        while first < len(spans) and spans[first].end <= line.span.start:
            first += 1
        if first == len(spans) or not spans[first].overlaps(line.span):
            unmasked.append(line)
    return unmasked


def prose_bounds(lines: Sequence[Line], excluded: Collection[int] = ()) -> tuple[int, int]:
    """Return the bounds (first, after) of the prose: `lines[:first]` and `lines[after:]` are the edges.

    Lines whose number is in `excluded` are skipped. Without any prose (a poem, a table) the edges are unknown, and
    only the first line counts as one.
    """
    prose = [number for number, line in enumerate(lines) if number not in excluded and line.is_prose]
    return (prose[0], prose[-1] + 1) if prose else (min(1, len(lines)), len(lines))
