"""The date of an article, where its dateline says it: "بغداد-العراق-24-7-2021", "Basra, 3 May 2021".

Only a line that begins with a place counts. A weekday and a date alone ("الخميس 25 أبريل 2024") are the page's
date, often that of the day it was copied, and no date is better than a wrong one.
"""

from __future__ import annotations

import re

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩", "0123456789")
_LINES_READ = 4
_LONGEST_DATELINE = 60
_DATELINE = re.compile(
    r"(?P<place>[^\W\d_]\D*?)[\s,،/–-]+"
    r"(?P<date>\d{1,2}\s?[\s/.-]\s?(?:\d{1,2}|[^\W\d_]+(?:\s[^\W\d_]+)?)\s?[\s/.-]\s?\d{4})"
)
# dateparser knows the Egyptian month names; these are the Levantine and Iraqi ones.
_MONTHS = {
    "كانون الثاني": 1, "شباط": 2, "آذار": 3, "نيسان": 4, "أيار": 5, "حزيران": 6,
    "تموز": 7, "آب": 8, "أيلول": 9, "تشرين الأول": 10, "تشرين الثاني": 11, "كانون الأول": 12,
}  # fmt: skip
_WEEKDAY = re.compile(r"\b(?:الأحد|الاثنين|الإثنين|الثلاثاء|الأربعاء|الخميس|الجمعة|السبت|\w+day)\b", re.IGNORECASE)


def dateline(text: str) -> str | None:
    """The date of the dateline among the first lines of `text`, as YYYY-MM-DD, or `None`."""
    lines = [line.strip(" \t\r.:*_—–-") for line in text.split("\n") if line.strip()]
    for line in lines[:_LINES_READ]:
        match = _DATELINE.fullmatch(line) if len(line) <= _LONGEST_DATELINE else None
        if match and not _WEEKDAY.search(match["place"]):
            return _parse(match["date"])
    return None


def _parse(written: str) -> str | None:
    # Imported here: dateparser takes a third of a second to load, and few articles have a dateline.
    import dateparser

    written = written.translate(_DIGITS)
    for name, number in _MONTHS.items():
        written = written.replace(f" {name} ", f"-{number}-")
    # Day before month, as both Arabic and British datelines have it; all three parts must be there.
    settings = {"DATE_ORDER": "DMY", "REQUIRE_PARTS": ["day", "month", "year"]}
    parsed = dateparser.parse(written, languages=["ar", "en"], settings=settings)
    return parsed.date().isoformat() if parsed else None
