"""Highlighting of the answer phrase in a quotation."""

from __future__ import annotations

import re

from index.articles import Span
from index.text.folding import fold
from ui.escaping import escape

_GROUPED = re.compile(r"(?<=\d)[,٬](?=\d{3}(?!\d))")


def highlight_answer(quote: str, phrase: str | None) -> str:
    """Escape the quotation and highlight the first occurrence of the answer phrase in it."""
    span = find_answer_span(quote, phrase)
    if span is None:
        return escape(quote)
    before, answer, after = quote[: span.start], quote[span.start : span.end], quote[span.end :]
    return f"{escape(before)}<mark>{escape(answer)}</mark>{escape(after)}"


def find_answer_span(quote: str, phrase: str | None) -> Span | None:
    """Locate `phrase` in `quote`, ignoring differences in diacritics, alefs and digits; `None` if it is not there."""
    if not phrase:
        return None
    start = quote.find(phrase)
    if start >= 0:
        return Span(start, start + len(phrase))
    folded, words = fold(quote), fold(phrase).text.split()
    match = re.search(r"\s+".join(map(_digits_grouped_or_not, words)), folded.text) if words else None
    return folded.to_original(*match.span()) if match else None


def _digits_grouped_or_not(word: str) -> str:
    """Return a pattern for a folded word; 2500 also matches 2,500, but not part of 12500."""
    pattern = re.sub(r"(?<=\d)(?=\d)", "[,٬]?", re.escape(_GROUPED.sub("", word)))
    return rf"(?<!\d)(?<!\d[,٬]){pattern}(?![,٬]?\d)"
