"""Span decoding: from logits to phrases with natural word borders."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from index.articles import Span
from qa.reader.base import ReaderOutput, ScoredSpan
from qa.reader.tokenization import ReaderInput

MAX_ANSWER_TOKENS = 30
"""Tokens."""
BEST = 5
"""Maximum spans per excerpt."""
MAX_ITEMS = 12
"""Maximum spans per excerpt that do not overlap."""
_LOOKED_AT = 200
"""Spans of tokens that those which do not overlap are chosen from."""

_CLITICS = re.compile(r"[وف]?[بلك]?")
_ARTICLE = re.compile(r"(?P<clitics>[وف]?[بك]?)ال")
_END_OF_WORD = re.compile(r"\w*")
_MIN_WORD_LETTERS = 3
"""Minimum letters of a word without its clitics: «بلد» is not «لد» with a «ب»."""
_PAIRS = {")": "(", "]": "[", "}": "{", "»": "«", "”": "“"}
_CURRENCIES = "$€£¥+-#@"
_UNITS = "%٪°′″"


def top_spans(logits: npt.NDArray[np.float32], reader_input: ReaderInput, text: str, count: int = BEST) -> ReaderOutput:
    """Return the best spans of `text`, the excerpt in plain form; `logits` has shape (tokens, 2): start and end."""
    inside = [token for token, offset in enumerate(reader_input.offsets) if offset]
    start, end = logits[inside, 0], logits[inside, 1]
    rows, columns = np.triu_indices(len(inside))
    short_enough = columns - rows < MAX_ANSWER_TOKENS
    rows, columns = rows[short_enough], columns[short_enough]
    scores = start[rows] + end[columns]
    scores_by_span: dict[Span, float] = {}
    # Several spans of tokens may be one of words, so more are looked at than are kept.
    for at in np.argsort(-scores, kind="stable")[:_LOOKED_AT]:
        offsets = reader_input.offsets[inside[rows[at]]], reader_input.offsets[inside[columns[at]]]
        assert offsets[0] and offsets[1]
        span = whole(text, Span(offsets[0][0], offsets[1][1]))
        if span.end > span.start:
            scores_by_span.setdefault(span, float(scores[at]))
    spans = [ScoredSpan(span, score) for span, score in scores_by_span.items()]
    return ReaderOutput(tuple(spans[:count]), float(logits[0].sum()), items=_apart(spans))


def _apart(spans: Sequence[ScoredSpan]) -> tuple[ScoredSpan, ...]:
    """Return spans that do not overlap, each the best of those that it overlaps; `spans` is sorted, best first."""
    items: list[ScoredSpan] = []
    for scored in spans:
        if len(items) < MAX_ITEMS and not any(scored.span.overlaps(item.span) for item in items):
            items.append(scored)
    return tuple(items)


def whole(text: str, span: Span) -> Span:
    """Snap `span` to natural borders: whole words, no marks at its ends, an article but no other clitic.

    A network may begin inside a word. What stands before is left out if it is a clitic (و ف ب ل ك) and taken in if
    it is the article or a part of the word itself.
    """
    start, end = _trim(text, span.start, span.end)
    if start >= end:
        return Span(start, start)
    start = _word_start(text, start)
    while end < len(text) and _within_word(text, end):
        end += 1
    return Span(*_drop_unpaired_bracket(text, *_trim(text, start, end)))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and not (text[start].isalnum() or text[start] in _CURRENCIES or text[start] in _PAIRS.values()):
        start += 1
    while end > start and not (text[end - 1].isalnum() or text[end - 1] in _UNITS or text[end - 1] in _PAIRS):
        end -= 1
    return start, end


def _word_start(text: str, start: int) -> int:
    word_start = start
    while word_start > 0 and _within_word(text, word_start):
        word_start -= 1
    before = text[word_start:start]
    if not before:
        return start
    article = _ARTICLE.fullmatch(before)
    if article:
        return word_start + article.end("clitics")
    rest = _END_OF_WORD.match(text, start)
    return start if _CLITICS.fullmatch(before) and rest and len(rest.group()) >= _MIN_WORD_LETTERS else word_start


def _within_word(text: str, at: int) -> bool:
    """Return whether a word continues across `at`."""
    before, after = text[at - 1], text[at]
    if before.isalnum() and after.isalnum():
        return True
    # 1,500 and 3.2 are one number.
    return any(
        0 < mark < len(text) - 1 and text[mark] in ".,٫٬" and text[mark - 1].isdigit() and text[mark + 1].isdigit()
        for mark in (at - 1, at)
    )


def _drop_unpaired_bracket(text: str, start: int, end: int) -> tuple[int, int]:
    """Drop a bracket whose partner is outside the span."""
    inside = text[start:end]
    for closing, opening in _PAIRS.items():
        if inside.endswith(closing) and opening not in inside:
            return _trim(text, start, end - 1)
        if inside.startswith(opening) and closing not in inside:
            return _trim(text, start + 1, end)
    return start, end
