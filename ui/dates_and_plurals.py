"""Date formats and plural categories for Arabic and English."""

from __future__ import annotations

import re
from datetime import date

from index.articles import Language
from ui.i18n import translate

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:[T ].*)?")


def format_date(text: str, language: Language) -> str:
    """Format a stored date, such as "24 July 2021". Text that is not a date is returned unchanged."""
    match = _DATE.fullmatch(text.strip())
    if not match:
        return text
    year, month, day = (int(part) if part else None for part in match.groups())
    if month is None:
        return str(year)
    try:
        date(int(match[1]), month, day or 1)
    except ValueError:
        return text
    key = "page.turn.date" if day else "page.turn.month_and_year"
    return translate(key, language, day=day, month=translate(f"page.month.{month}", language), year=year)


def plural_category(count: int) -> str:
    """Return the Arabic plural category of `count`; English texts repeat their one plural for each category."""
    if count in (0, 1, 2):
        return ("zero", "one", "two")[count]
    if 3 <= count % 100 <= 10:
        return "few"
    return "many" if count % 100 >= 11 else "other"
