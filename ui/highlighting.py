"""Highlighting of the answer phrase in a quotation."""

from __future__ import annotations

import re

from index.articles import Span
from index.text.folding import fold
from ui.escaping import escape

_GROUPED = re.compile(r"(?<=\d)[,٬](?=\d{3}(?!\d))")


def highlight_answer(quote: str, phrase: str | None) -> str:
    """Escape the quotation and highlight the first occurrence of the answer phrase in it."""
    found = find_answer_span(quote, phrase)
    if found is None:
        return escape(quote)
    before, said, after = quote[: found.start], quote[found.start : found.end], quote[found.end :]
    return f"{escape(before)}<mark>{escape(said)}</mark>{escape(after)}"


def find_answer_span(quote: str, phrase: str | None) -> Span | None:
    """Locate `phrase` in `quote`, ignoring differences in diacritics, alefs and digits; `None` if it is not there."""
    if not phrase:
        return None
    at = quote.find(phrase)
    if at >= 0:
        return Span(at, at + len(phrase))
    folded, wanted = fold(quote), fold(phrase).text.split()
    match = re.search(r"\s+".join(map(_digits_grouped_or_not, wanted)), folded.text) if wanted else None
    return folded.to_original(*match.span()) if match else None


def _digits_grouped_or_not(word: str) -> str:
    """Return a pattern for a folded word; 2500 also matches 2,500, but not part of 12500."""
    pattern = re.sub(r"(?<=\d)(?=\d)", "[,٬]?", re.escape(_GROUPED.sub("", word)))
    return rf"(?<!\d)(?<!\d[,٬]){pattern}(?![,٬]?\d)"
