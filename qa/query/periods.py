"""Periods in questions: "since May 2021", "before 3 May 2021", «في عام ٢٠٢١», «بين 2019 و2021».

A period is read from folded text (`index/text/folding.py`), as the first and the last day, month or year that belong to
it. A day or month without a year ("of 3 May") is that of any year.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

from index.dates.parser import MONTHS, find_dates

_FAR_FUTURE = datetime.date(9998, 1, 1)
"""The day that dates in questions are compared with: none of them is too new."""
_NUMBER_OF = {name: number for number, names in enumerate(MONTHS, 1) for name in names}
_MONTH = (
    r"(?<!\w)(?:شهر )?(?P<month>" + "|".join(sorted(_NUMBER_OF, key=len, reverse=True)) + r")(?:\s?/\s?[^\W\d]+)?(?!\w)"
)
_FILLER = re.compile(r"(?:(?:the )?(?:year|month)(?: of)? |the |(?:ال)?(?:عام|سنه|يوم|شهر) |(?:ال)?(?:عامي|سنتي) )?")
_MONTH_AND_YEAR = re.compile(rf"{_MONTH}\.?,?\s(?:of |من )?(?:ل?(?:ال)?(?:عام|سنه) )?(?P<year>\d{{4}})(?!\w)")
_DAY_AND_MONTH = re.compile(rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?:of |من )?{_MONTH}")
_MONTH_AND_DAY = re.compile(rf"{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?!\w)")
_MONTH_ALONE = re.compile(_MONTH)
_YEAR = re.compile(r"(?P<year>[12]\d{3})(?![\w/.-]*\d)(?: م(?!\w))?")

_SINCE = re.compile(r"(?:(?:ever )?since|starting (?:in|from|on)|from|منذ|ابتداء من|بدءا من) ")
_AFTER = re.compile(r"(?:later than|after|بعد) ")
_BEFORE = re.compile(r"(?:earlier than|before|prior to|قبل) ")
_UNTIL = re.compile(r"(?:until|till|up to|through|حتي|لغايه) ")
_RANGE = re.compile(r"(?:in between|between|from|in|ما بين|بين|من|في) ")
_RANGE_END = re.compile(r",? (?:and|to|until|till|through|الي|حتي|و ?)(?: |(?<=و)) ?(?:بين |عام |سنه )?")
_IN = re.compile(
    r"(?:(?:during|within|in|on|of|from|dated|at|خلال|في|من|بتاريخ|المؤرخه? في|المؤرخه?|ل(?=عام|سنه|شهر|يوم)) ?)?"
)
_FROM_IS_OF = re.compile(r"from ")
_BARE = re.compile(rf"\d|{_MONTH}")
"""A date without a preposition, which may be part of a name."""


@dataclass(frozen=True)
class Period:
    """First and last day, month or year, as prefixes of ISO dates; `month_day` is "05" or "05-03" of any year."""

    since: str | None = None
    until: str | None = None
    month_day: str | None = None


def read_period(text: str, start: int) -> tuple[Period, int] | None:
    """Read the period that begins at `start` of a folded text, with its preposition; return it and its end."""
    if match := _RANGE.match(text, start):
        first = _read_date(text, match.end())
        end = _RANGE_END.match(text, first[1]) if first else None
        last = _read_date(text, end.end()) if end else None
        if first and last and first[0][:4].isdigit() and last[0][:4].isdigit():
            return Period(first[0], last[0]), last[1]
    for marker, period_of in _KINDS:
        match = marker.match(text, start)
        found = _read_date(text, match.end()) if match else None
        if not found:
            continue
        date, end_of_date = found
        if date.startswith("--"):
            return (Period(month_day=date[2:]), end_of_date) if marker is _IN else None
        if marker is _SINCE and match and _FROM_IS_OF.fullmatch(match.group()):
            return Period(date, date), end_of_date
        return period_of(date), end_of_date
    return None


def period_within(text: str, start: int) -> tuple[Period, int] | None:
    """Read the period that begins at `start` with a preposition: a bare date or month may be part of a name."""
    return None if _BARE.match(text, start) else read_period(text, start)


def period_at_end(text: str) -> tuple[int, Period] | None:
    """Return where a period with its preposition begins that a folded text ends with, and the period."""
    for match in re.finditer(r"(?<=\s)\w", text):
        found = read_period(text, match.start())
        if found and not text[found[1] :].strip(' .,?؟!"»”') and not _BARE.match(text, match.start()):
            return match.start(), found[0]
    return None


def _read_date(text: str, start: int) -> tuple[str, int] | None:
    """Return the ISO prefix of the date at `start`, "--05-03" or "--05" where it names no year, and its end."""
    filler = _FILLER.match(text, start)
    start = filler.end() if filler else start
    if (dates := find_dates(text[start : start + 40], _FAR_FUTURE)) and dates[0].start == 0:
        return dates[0].readings[0].isoformat(), start + dates[0].end
    if match := _MONTH_AND_YEAR.match(text, start):
        return f"{match['year']}-{_NUMBER_OF[match['month']]:02}", match.end()
    if match := _YEAR.match(text, start):
        return match["year"], match.end()
    if match := _DAY_AND_MONTH.match(text, start) or _MONTH_AND_DAY.match(text, start):
        return f"--{_NUMBER_OF[match['month']]:02}-{int(match['day']):02}", match.end()
    if match := _MONTH_ALONE.match(text, start):
        return f"--{_NUMBER_OF[match['month']]:02}", match.end()
    return None


def _next(date: str, step: int) -> str:
    """Return the day, month or year after (1) or before (-1) an ISO prefix."""
    if len(date) == len("2021"):
        return f"{int(date) + step:04}"
    if len(date) == len("2021-05"):
        months = int(date[:4]) * 12 + int(date[5:]) - 1 + step
        return f"{months // 12:04}-{months % 12 + 1:02}"
    return (datetime.date.fromisoformat(date) + datetime.timedelta(days=step)).isoformat()


_KINDS: tuple[tuple[re.Pattern[str], Callable[[str], Period]], ...] = (
    (_SINCE, lambda date: Period(since=date)),
    (_AFTER, lambda date: Period(since=_next(date, 1))),
    (_BEFORE, lambda date: Period(until=_next(date, -1))),
    (_UNTIL, lambda date: Period(until=date)),
    (_IN, lambda date: Period(date, date)),
)
