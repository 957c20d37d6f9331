"""Dates and clock times written in a text, as intervals that can be compared.

A date may be a day, a month or a year. A day without a year is given the year that brings it nearest to the article's
own date. Relative ones ("yesterday", "last year") are left out.
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from index.dates.parser import MONTHS, find_dates
from qa.units import Unit
from qa.verification.numbers import parse_numbers

DAY = Unit("day", "date")
MONTH = Unit("month", "date")
YEAR = Unit("year", "date")
DAY_WITHOUT_YEAR = Unit("day without year", "date")
"""Of an undated article; it can only be compared with another such day."""
CLOCK_24 = Unit("24 hours", "time")
CLOCK_12 = Unit("12 hours", "time")
"""Morning or afternoon: it is not said which."""

_LATEST = datetime.date(2999, 1, 1)
_MONTH_NUMBER = {name: number for number, names in enumerate(MONTHS, 1) for name in names}
_NAME = "|".join(sorted(_MONTH_NUMBER, key=len, reverse=True))
_MONTHS = rf"(?<!\w)[وفبل]?(?P<month>{_NAME})(?:\s?[/(]\s?(?:{_NAME})\)?)?(?!\w)"
_FIRST_YEAR, _LAST_YEAR = 1000, 2100
_MONTH_YEAR = re.compile(rf"{_MONTHS},?\s(?:of |من )?(?:عام |سنه |العام )?(?P<year>\d{{4}})(?!\d)")
_DAY_MONTH = re.compile(
    rf"(?<![\d.,:/])(?P<day>[0-3]?\d)(?:st|nd|rd|th)?\s(?:of |من )?(?:شهر )?{_MONTHS}"
    rf"|{_MONTHS.replace('month', 'before')}\s(?P<after>[0-3]?\d)(?:st|nd|rd|th)?(?![\d.,:/]*\d)"
)
_FIRST_OF_TWO = re.compile(r"\d\s?(?:-|–|to|الي|حتي)\s$")
_YEAR_WORD = re.compile(
    r"(?:\b(?:in|since|of|from|until|by|before|after|year|around|during|born)\s|\(|[–-]"
    r"|(?<!\w)(?:و|ف|ب|ل|م)?(?:ال)?(?:عام|سنه|العام|السنه)(?:ي)?\s|(?<!\w)(?:في|منذ|حتي)\s)$"
)
_AFTER_YEAR = re.compile(r"\s?م(?!\w)")
_DIGIT_YEAR = re.compile(r"(?<![\d.,/:-])(?:1\d{3}|20\d\d)(?![\d/:%]|[.,]\d|\s?[-–]\s?\d|s\b)")
_UNIT_FOLLOWS = re.compile(r"[\s-]?[^\W\d_]")

_ENGLISH_PERIOD = r"(?P<period>a\.?m\.?|p\.?m\.?|noon|in the (?:morning|afternoon|evening)|at night)(?!\w)"
_ARABIC_PERIOD = (
    r"(?:من )?(?P<arabic>صباحا|فجرا|ظهرا|بعد الظهر|عصرا|مساء|ليلا|الصباح|الفجر|الظهر|العصر|المساء|ص|م)(?!\w)"
)
_PERIOD = rf"(?:\s?(?:{_ENGLISH_PERIOD}|{_ARABIC_PERIOD}))"
_DIGITS = re.compile(
    rf"(?<![\d.,:/$€£])(?P<hour>[012]?\d)(?:(?P<mark>[:.])(?P<minute>[0-5]\d))?(?![\d:]|[.,]\d)"
    rf"(?:\s?o['’]clock)?(?:{_PERIOD})?"
)
_AT = re.compile(r"(?:\bat\s|\buntil\s|\bfrom\s|الساعه\s(?:ال)?)$")
_HOURS = {
    word: hour
    for words in (
        "الواحده الثانيه الثالثه الرابعه الخامسه السادسه السابعه الثامنه التاسعه العاشره",
        "one two three four five six seven eight nine ten eleven twelve",
    )
    for hour, word in enumerate(words.split(), 1)
}
_HOUR_WORD = "|".join(word for word in _HOURS if not word.isascii())
_ARABIC_CLOCK = re.compile(
    rf"(?P<at>الساعه\s)?(?<!\w)[وفبل]?(?P<word>{_HOUR_WORD}|الحاديه عشره|الثانيه عشره)"
    r"(?P<part>\s(?:و(?:ال)?(?:نصف|ربع|ثلث)|الا (?:ال)?(?:ربعا?|ثلثا?)))?(?!\w)"
    rf"(?:\s{_ARABIC_PERIOD})?"
)
_ENGLISH_CLOCK = re.compile(
    r"(?P<part>\bhalf past |\bquarter past |\bquarter to )?\b(?P<word>one|two|three|four|five|six|seven|eight|nine|ten"
    rf"|eleven|twelve)(?P<clock>\so['’]clock)?(?!\w)(?:\s{_ENGLISH_PERIOD})?"
)
_NOON = re.compile(r"\b(?P<noon>noon|midday)\b|\b(?P<midnight>midnight)\b|(?<!\w)منتصف (?P<half>الليل|النهار)(?!\w)")
_PARTS = {"نصف": 30, "ربع": 15, "ثلث": 20, "half": 30, "quarter": 15}
_AFTERNOON = re.compile(r"p|in the (?:after|even)|at night|بعد|عصر|العصر|مسا|المسا|ليل|م$")
_MORNING = re.compile(r"a|in the morning|صباح|الصباح|فجر|الفجر|ص$")


@dataclass(frozen=True)
class WrittenTime:
    """A date (in days) or a clock time (in minutes) at `folded[start:end]`, from `low` to `high`."""

    start: int
    end: int
    unit: Unit
    low: Fraction
    high: Fraction


def written_times(folded: str, published: datetime.date | None = None) -> list[WrittenTime]:
    """Return the dates and clock times of a folded text, in order, without overlaps.

    `published` is the date of the article, for days without a year.
    """
    taken: list[WrittenTime] = []
    for found in (
        _days(folded),
        _months(folded),
        _days_of_year(folded, published),
        _clock_times(folded),
        _years(folded),
    ):
        taken += [time for time in found if not any(t.start < time.end and time.start < t.end for t in taken)]
    return sorted(taken, key=lambda time: time.start)


def year_of(number: Fraction) -> tuple[Fraction, Fraction] | None:
    """Return the first and the last day of a year; `None` for a number that is none."""
    if number.denominator != 1 or not _FIRST_YEAR <= number <= _LAST_YEAR:
        return None
    year = _year(0, 0, int(number))
    return year.low, year.high


def years_between(first: Fraction, second: Fraction) -> int:
    """Return the whole years from one day to a later one."""
    earlier, later = (datetime.date.fromordinal(int(day)) for day in (first, second))
    return later.year - earlier.year - ((later.month, later.day) < (earlier.month, earlier.day))


def _days(folded: str) -> Iterator[WrittenTime]:
    for date in find_dates(folded, _LATEST):
        ordinals = [reading.toordinal() for reading in date.readings]
        yield WrittenTime(date.start, date.end, DAY, Fraction(min(ordinals)), Fraction(max(ordinals)))


def _months(folded: str) -> Iterator[WrittenTime]:
    for match in _MONTH_YEAR.finditer(folded):
        year, month = int(match["year"]), _MONTH_NUMBER[match["month"]]
        if _FIRST_YEAR <= year <= _LAST_YEAR:
            last = calendar.monthrange(year, month)[1]
            low, high = datetime.date(year, month, 1), datetime.date(year, month, last)
            yield WrittenTime(match.start(), match.end(), MONTH, Fraction(low.toordinal()), Fraction(high.toordinal()))


def _days_of_year(folded: str, published: datetime.date | None) -> Iterator[WrittenTime]:
    for match in _DAY_MONTH.finditer(folded):
        day = int(match["day"] or match["after"])
        month = _MONTH_NUMBER[match["month"] or match["before"]]
        # "9 to 24 September" is no day.
        is_end = _FIRST_OF_TWO.search(folded, max(0, match.start() - 10), match.start())
        if is_end or not 1 <= day <= calendar.monthrange(2000, month)[1]:
            continue
        if published is None:
            position = Fraction(month * 31 + day)
            yield WrittenTime(match.start(), match.end(), DAY_WITHOUT_YEAR, position, position)
            continue
        years = (published.year + step for step in (-1, 0, 1))
        days = [datetime.date(year, month, day) for year in years if day <= calendar.monthrange(year, month)[1]]
        nearest = Fraction(min(days, key=lambda date: abs((date - published).days)).toordinal())
        yield WrittenTime(match.start(), match.end(), DAY, nearest, nearest)


def _years(folded: str) -> Iterator[WrittenTime]:
    for match in _DIGIT_YEAR.finditer(folded):
        introduced = bool(_YEAR_WORD.search(folded, max(0, match.start() - 12), match.start()))
        end = after.end() if (after := _AFTER_YEAR.match(folded, match.end())) else match.end()
        if introduced or after or not _UNIT_FOLLOWS.match(folded, match.end()):
            yield _year(match.start(), end, int(match.group()))
    for mention in parse_numbers(folded):
        value = max(mention.readings)
        spelt = not folded[mention.start].isdigit()
        is_year = spelt and value.denominator == 1 and _FIRST_YEAR <= value <= _LAST_YEAR
        if is_year and _YEAR_WORD.search(folded, max(0, mention.start - 12), mention.start):
            yield _year(mention.start, mention.end, int(value))


def _year(start: int, end: int, year: int) -> WrittenTime:
    low, high = datetime.date(year, 1, 1).toordinal(), datetime.date(year, 12, 31).toordinal()
    return WrittenTime(start, end, YEAR, Fraction(low), Fraction(high))


def _clock_times(folded: str) -> Iterator[WrittenTime]:
    for match in _DIGITS.finditer(folded):
        period = match["period"] or match["arabic"]
        at = bool(_AT.search(folded, max(0, match.start() - 10), match.start()))
        with_colon = match["mark"] == ":"
        if int(match["hour"]) <= 24 and (with_colon or period or "clock" in match.group() or (at and match["minute"])):
            full = with_colon and not period and (int(match["hour"]) > 12 or len(match["hour"]) == 2)
            yield _clock(match, int(match["hour"]), int(match["minute"] or 0), period, full)
    for match in _ARABIC_CLOCK.finditer(folded):
        part = match["part"] or ""
        if match["at"] or match["arabic"] or part:
            yield _clock(match, _hour(match["word"]), _minutes(part), match["arabic"], full=False)
    for match in _ENGLISH_CLOCK.finditer(folded):
        if match["part"] or match["clock"] or match["period"]:
            yield _clock(match, _hour(match["word"]), _minutes(match["part"] or ""), match["period"], full=False)
    for match in _NOON.finditer(folded):
        minutes = Fraction(12 * 60 if match["noon"] or match["half"] == "النهار" else 24 * 60)
        yield WrittenTime(match.start(), match.end(), CLOCK_24, minutes, minutes)


def _hour(word: str) -> int:
    return _HOURS.get(word) or {"الحاديه عشره": 11}.get(word, 12)


def _minutes(part: str) -> int:
    minutes = next((value for word, value in _PARTS.items() if word in part), 0)
    return -minutes if (" to " in f"{part} " and part) or "الا " in part else minutes


def _clock(match: re.Match[str], hour: int, minutes: int, period: str | None, full: bool) -> WrittenTime:
    """Return a clock time; without a period it may be either half of the day, unless written in full ("07:15")."""
    unit = CLOCK_24 if period or full or hour > 12 else CLOCK_12
    if period and _AFTERNOON.match(period) and hour < 12:
        hour += 12
    elif period and _MORNING.match(period) and hour == 12:
        hour = 0
    value = Fraction(hour * 60 + minutes)
    return WrittenTime(match.start(), match.end(), unit, value, value)
