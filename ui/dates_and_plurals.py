"""Date formats and plural categories for Arabic and English."""

from __future__ import annotations

from qa.dates_in_words import format_date

__all__ = ["format_date", "plural_category"]


def plural_category(count: int) -> str:
    """Return the Arabic plural category of `count`; English texts repeat their one plural for each category."""
    if count in (0, 1, 2):
        return ("zero", "one", "two")[count]
    if 3 <= count % 100 <= 10:
        return "few"
    return "many" if count % 100 >= 11 else "other"
