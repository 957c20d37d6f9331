"""Parser for written dates in Arabic and English. Day, month and year must all be given; none is guessed.

Supported are ISO dates, numbers in the order day-month-year (or month-day-year where it can be nothing else), and names
of months: English, the Arabic ones of Egypt, of the Levant and Iraq, and of the Maghreb, also doubled
("يونيو/حزيران"). Digits of every script are accepted. A Hijri date is recognised, so that the Gregorian one beside it
can be used; alone it is ignored, because its day depends on the local sighting of the moon.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from index.text.folding import fold_text

# Folded (index/text/folding.py): no hamza on alif, no tashkeel, ة as ه, lower case. January first.
MONTHS = (
    ("january", "jan", "يناير", "جانفي", "كانون الثاني", "كانون ثاني"),
    ("february", "feb", "فبراير", "فيفري", "شباط"),
    ("march", "mar", "مارس", "اذار", "مارت"),
    ("april", "apr", "ابريل", "افريل", "نيسان"),
    ("may", "مايو", "ماي", "ايار", "مايس"),
    ("june", "jun", "يونيو", "يونيه", "جوان", "حزيران"),
    ("july", "jul", "يوليو", "يوليه", "يوليوز", "جويليه", "تموز"),
    ("august", "aug", "اغسطس", "اوت", "غشت", "اب"),
    ("september", "sept", "sep", "سبتمبر", "شتنبر", "ايلول"),
    ("october", "oct", "اكتوبر", "تشرين الاول", "تشرين اول"),
    ("november", "nov", "نوفمبر", "نونبر", "تشرين الثاني", "تشرين ثاني"),
    ("december", "dec", "ديسمبر", "دجنبر", "كانون الاول", "كانون اول"),
)
_NUMBER = {name: number for number, names in enumerate(MONTHS, 1) for name in names}
_NAME = r"(?<![^\W\d_])(?:" + "|".join(sorted(_NUMBER, key=len, reverse=True)) + r")(?![^\W\d_])\.?"
_MONTH = rf"(?P<month>{_NAME}(?:\s?[/(\s–-]\s?{_NAME}\)?)*)"
_YEAR = r"(?P<year>\d{4})(?!\d)(?:\s?م(?:يلادي[هي]?)?(?!\w))?"
_NOT_AFTER_NUMBER = r"(?<!\d)(?<!\d[-/.:])"
_SHAPES = (
    # 24 July 2021, 24th of July, 2021, 24-Jul-2021, ٢٤ تموز/يوليو عام ٢٠٢١, 24 من يوليو 2021
    re.compile(
        rf"{_NOT_AFTER_NUMBER}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[\s./–-]*(?:(?:of|من|من شهر|شهر)\s)?{_MONTH}"
        rf"[\s.,،/–-]*(?:(?:من )?ل?(?:عام|العام|سنه)\s)?{_YEAR}"
    ),
    # July 24, 2021, يوليو 24، 2021, Sat Jul 24 10:00:00 +0000 2021
    re.compile(
        rf"{_MONTH}\s?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:[,،]\s?|\s)"
        rf"(?:\d\d:\d\d:\d\d\s(?:(?:[+-]\d{{4}}|[a-z]{{3,4}})\s)?)?{_YEAR}"
    ),
    re.compile(
        rf"{_NOT_AFTER_NUMBER}(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})"
        r"(?!\d|[-/.]\d)(?:\s?م(?!\w))?"
    ),
    re.compile(
        rf"{_NOT_AFTER_NUMBER}(?P<first>\d{{1,2}})\s?(?P<mark>[-/.])\s?(?P<second>\d{{1,2}})\s?(?P=mark)\s?{_YEAR}"
        r"(?![-/.]\d)"
    ),
)
_COMPACT = re.compile(r"(?:d:)?(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:t?\d{4}(?:\d\d)?(?!\d).*)?")
_SECONDS = re.compile(r"\d{9,10}(?:\.\d+)?")
_MILLISECONDS = re.compile(r"\d{13}")
_HIJRI_MONTH = (
    r"(?:محرم|صفر|ربيع (?:الاول|الاخر|الثاني)|جماد[يا] (?:الاول|الاولي|الاخره|الاخر|الثاني|الثانيه)"
    r"|رجب|شعبان|رمضان|شوال|ذ[وي] ?القعده|ذ[وي] ?الحجه)(?: (?:الحرام|المبارك|المعظم|المكرم))?"
)
HIJRI = re.compile(
    rf"(?:\d{{1,2}}[\s/-]*(?:من )?{_HIJRI_MONTH}[\s,،/-]*(?:ل?(?:عام|سنه) )?1[34]\d\d"
    r"|\d{1,2}[-/]\d{1,2}[-/]1[34]\d\d|1[34]\d\d[-/]\d{1,2}[-/]\d{1,2})(?!\d)(?:\s?(?:ه|هجري[هي]?)(?!\w))?"
)
WEEKDAY = re.compile(
    r"(?<!\w)(?:يوم )?(?:الاحد|الاثنين|الثلاثاء|الاربعاء|الخميس|الجمعه|السبت|(?:sun|mon|tues|wednes|thurs|fri|satur)day"
    r"|sun|mon|tues?|wed|thu|thurs?|fri|sat)(?!\w)"
)
CLOCK = re.compile(
    r"(?:(?:علي |عند )?الساعه\s|(?<!\w)at\s)?(?<!\d)t?\d{1,2}[:.]\d{2}(?::\d{2}(?:\.\d+)?)?(?!\d)"
    r"(?:\s?(?:[ap]\.?m\.?|صباحا|مساء|ظهرا|ص|م)(?!\w))?"
    r"(?:\s?[(\[]?(?:gmt|utc|z|[a-z]{1,3}[sd]t|بتوقيت [^\W\d_]+(?: [^\W\d_]+)?|توقيت [^\W\d_]+)[)\]]?(?!\w))?"
    r"(?:\s?[+-]\d{1,2}(?::?\d{2})?(?!\d))?"
)
_LINKS = re.compile(r"(?<!\w)(?:الموافق|يوافق|corresponding to|في|at|on|بتاريخ|يوم)(?!\w)|[\s,،;|•·()\[\]/*_.:–—-]+")
_OLDEST = datetime.date(1800, 1, 1)
# Epochs of programs: a field with one of these dates was never filled in.
_EPOCHS = frozenset(
    datetime.date(*epoch)
    for epoch in ((1899, 12, 30), (1899, 12, 31), (1900, 1, 1), (1904, 1, 1), (1970, 1, 1), (1980, 1, 1))
)
_LONGEST_GIVEN = 120


@dataclass(frozen=True)
class WrittenDate:
    """A date found at `folded[start:end]`.

    `readings` has the possible days, at least one; two for "3/4/2021", the day-first reading before the other.
    """

    start: int
    end: int
    readings: tuple[datetime.date, ...]


def find_dates(folded: str, today: datetime.date) -> list[WrittenDate]:
    """Return the non-overlapping dates in folded text, in order, without those that cannot be an article's."""
    found = sorted(_matches(folded, today), key=lambda date: (date.start, -date.end))
    non_overlapping: list[WrittenDate] = []
    for date in found:
        if not non_overlapping or date.start >= non_overlapping[-1].end:
            non_overlapping.append(date)
    return non_overlapping


def strip_dates(folded: str, dates: list[WrittenDate]) -> str:
    """Return a folded line without its dates, weekdays, clock times and the marks between them."""
    for date in reversed(dates):
        folded = f"{folded[: date.start]} {folded[date.end :]}"
    for pattern in (HIJRI, CLOCK, WEEKDAY, _LINKS):
        folded = pattern.sub(" ", folded)
    return folded.strip()


def read_date(value: object, today: datetime.date) -> tuple[datetime.date, ...]:
    """Return the possible days of a field of structured data: none, one, or two (see `WrittenDate`).

    Accepted are dates, numbers of seconds or milliseconds since 1970, and text with one date. A value that no article
    can have (before 1800, after tomorrow, the epoch of a program) gives none.
    """
    if isinstance(value, datetime.date):
        return _plausible([datetime.date(value.year, value.month, value.day)], today)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ()
    if isinstance(value, int) and abs(value) >= _LARGEST_NUMBER:
        return ()  # Python refuses to convert thousands of digits to text
    folded = fold_text(str(value)).strip()
    if len(folded) > _LONGEST_GIVEN:
        return ()
    if match := _COMPACT.fullmatch(folded):
        return _plausible(_days(int(match["year"]), int(match["month"]), int(match["day"])), today)
    if _SECONDS.fullmatch(folded) or _MILLISECONDS.fullmatch(folded):
        seconds = float(folded) / (1000 if _MILLISECONDS.fullmatch(folded) else 1)
        return _plausible([datetime.datetime.fromtimestamp(seconds, datetime.UTC).date()], today)
    distinct_readings = {date.readings for date in find_dates(folded, today)}
    return distinct_readings.pop() if len(distinct_readings) == 1 else ()


def _matches(folded: str, today: datetime.date) -> Iterator[WrittenDate]:
    for shape in _SHAPES:
        for match in shape.finditer(folded):
            if readings := _plausible(_readings(match), today):
                yield WrittenDate(match.start(), match.end(), readings)


def _readings(match: re.Match[str]) -> list[datetime.date]:
    parts = match.groupdict()
    year = int(parts["year"])
    if "first" in parts:
        first, second = int(parts["first"]), int(parts["second"])
        days = _days(year, second, first)
        # With dots, the day is always first.
        return days if parts["mark"] == "." or first == second else days + _days(year, first, second)
    if parts["month"].isdigit():
        return _days(year, int(parts["month"]), int(parts["day"]))
    months = {_NUMBER[name.group().rstrip(".")] for name in re.finditer(_NAME, parts["month"])}
    return _days(year, months.pop(), int(parts["day"])) if len(months) == 1 else []


def _days(year: int, month: int, day: int) -> list[datetime.date]:
    """Return the day as a list of one, or an empty list where the calendar has no such day."""
    try:
        return [datetime.date(year, month, day)]
    except ValueError:
        return []


def _plausible(days: list[datetime.date], today: datetime.date) -> tuple[datetime.date, ...]:
    # Tomorrow: it may be the next day already where the article was written.
    newest = today + datetime.timedelta(days=1)
    return tuple(day for day in days if _OLDEST <= day <= newest and day not in _EPOCHS)


_LARGEST_NUMBER = 10**18
"""More than the milliseconds of any date."""
