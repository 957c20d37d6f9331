"""Dates in words, in Arabic and English: "24 July 2021"."""

from __future__ import annotations

import re
from datetime import date

from index.articles import Language
from qa.composed_texts import texts

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
    form = texts(language)["date"]["day" if day else "month"]
    return form.format(day=day, month=texts(language)["month"][str(month)], year=year)


def format_day_of_any_year(month_day: str, language: Language) -> str:
    """Format a month ("05") or a day of it ("05-03") without a year."""
    month, _, day = month_day.partition("-")
    name = texts(language)["month"][str(int(month))]
    return texts(language)["date"]["day_of_any_year"].format(day=int(day), month=name) if day else name
