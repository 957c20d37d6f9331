"""Months and weekdays named in a text, in Arabic (of Egypt, the Levant and the Maghreb) and in English."""

from __future__ import annotations

import re

from index.dates.parser import MONTHS
from index.text.folding import fold_text

_WEEKDAYS = (
    ("monday", "الاثنين"), ("tuesday", "الثلاثاء"), ("wednesday", "الاربعاء"), ("thursday", "الخميس"),
    ("friday", "الجمعه"), ("saturday", "السبت"), ("sunday", "الاحد"),
)  # fmt: skip
ENGLISH = frozenset(name for names in (*MONTHS, *_WEEKDAYS) for name in names if name.isascii())
_AMBIGUOUS = frozenset({"may", "mar", "jan", "sat", "اب", "ماي", "اوت", "مارت", "جوان"})
"""Ambiguous names: a month or weekday only beside a number, or after a word that introduces dates."""
_DATE_CONTEXT = r"(?:\d\s?(?:st|nd|rd|th)?\s|(?:in|of|since|until|by|last|next|شهر|من|في)\s)"


def months(text: str) -> frozenset[int]:
    """Return the numbers, from 1, of the months named in a text."""
    folded = fold_text(text)
    return frozenset(number for number, names in enumerate(MONTHS, 1) if any(_mentions(folded, name) for name in names))


def weekdays(text: str) -> frozenset[int]:
    """Return the numbers, from Monday as 0, of the weekdays named in a text."""
    folded = fold_text(text)
    return frozenset(number for number, names in enumerate(_WEEKDAYS) if any(_mentions(folded, name) for name in names))


def _mentions(folded: str, name: str) -> bool:
    # Arabic prefixes are attached to the name: لنيسان، بالجمعة.
    word = rf"(?<!\w)[وفبلك]?{name}(?!\w)" if not name.isascii() else rf"(?<!\w){name}(?!\w)"
    if name in _AMBIGUOUS:
        return bool(re.search(rf"{_DATE_CONTEXT}{word}|{word}[\s,،/]+\d", folded))
    return bool(re.search(word, folded))
