"""Sentence splitter for Arabic and English, returning spans of the text.

A sentence ends at . ! ? ؟ … (with the closing quotes and brackets that follow) before white space, and at every
line break. A full stop after an abbreviation or an initial does not end one, and a line without a letter or digit
(a rule, a row of stars) is not one. Sentences that are too long to quote are split at the last ؛ ; ، , that keeps the
piece within `MAX_SENTENCE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from index.articles import Span

MAX_SENTENCE = 500
"""Code points; Arabic news sentences of 300 are common, longer ones are mostly lists."""

_CLOSING = "\"'”’»)\\]}"
# Only the first of many marks in a row is tried, without backtracking: a line of a million full stops takes a
# million steps. Blank lines are matched together with the line break before them.
_END = re.compile(rf"(?<![.!?؟…])[.!?؟…]++[{_CLOSING}]*+(?=\s)|\n(?:\s*\n)?+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Gen|Col|Lt|Sgt|Capt|Gov|Sen|Rep|Rev|Jr|Sr|vs|etc|No|Vol|pp|cf|approx|ca|"
    r"Inc|Ltd|Co|Corp|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec|e\.g|i\.e)"
    r"|\b[A-Z]|\b[A-Z](?:\.[A-Z])+|(?<!\w)(?:د|م|أ|ا|ص|ج|هـ|أ\.د|ق\.م|ب\.م))\.$"
)
_LONGEST_ABBREVIATION = 12
_CLAUSE = re.compile(r"[؛;]\s|[،,]\s|\s")


def sentences(text: str, within: Span | None = None) -> list[Span]:
    """Return the spans of the sentences of `text[within]`, without surrounding white space, in order."""
    scope = within or Span(0, len(text))
    spans: list[Span] = []
    start = scope.start
    same_line = False
    for end in _ends(text, scope):
        span = _strip(text, start, end)
        if any(map(str.isalnum, text[span.start : span.end])):
            spans += _pieces(text, span)
            same_line = True
        elif same_line and span.end > span.start and span.end - spans[-1].start <= MAX_SENTENCE:
            # A closing quote after a space belongs to the sentence before it.
            spans[-1] = Span(spans[-1].start, span.end)
        # A line break always ends a stretch of text, so it is its last character.
        same_line = same_line and not text.endswith("\n", start, end)
        start = end
    return spans


def _ends(text: str, scope: Span) -> Iterator[int]:
    for match in _END.finditer(text, scope.start, scope.end):
        before = max(scope.start, match.end() - _LONGEST_ABBREVIATION)
        if not (match.group().startswith(".") and _ABBREVIATION.search(text, before, match.end())):
            yield match.end()
    yield scope.end


def _strip(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def _pieces(text: str, span: Span) -> Iterator[Span]:
    """Yield `span`, or, if it is too long, pieces split at the strongest break that fits."""
    while span.end - span.start > MAX_SENTENCE:
        cut = _last_break(text, span.start, span.start + MAX_SENTENCE)
        yield _strip(text, span.start, cut)
        span = _strip(text, cut, span.end)
    if span.end > span.start:
        yield span


def _last_break(text: str, start: int, limit: int) -> int:
    """Return the end of the last break before `limit`: a semicolon if there is one, else a comma, else a space."""
    strongest: dict[str, int] = {}
    for match in _CLAUSE.finditer(text, start + MAX_SENTENCE // 3, limit):
        strongest["؛" if match.group()[0] in "؛;" else "،" if match.group()[0] in "،," else " "] = match.end()
    return next((strongest[kind] for kind in "؛، " if kind in strongest), limit)
