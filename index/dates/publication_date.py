"""Publication date of an article, with its source and certainty.

No date is better than a wrong one. A weekday and a date alone ("الخميس 25 أبريل 2024") are the page's date, often
that of the day it was copied; a date in the running text is that of an event. Neither is used.

Certainty, by kind of evidence:

    1.0   given by the file's structured data, unambiguously
    0.9   a line that states when the article was published ("نُشر في: 11 يونيو 2020"), or a dateline whose place is a
          city in the list or that names an agency ("BAGHDAD, July 24, 2021 (AP) — …")
    0.7   a dateline with an unknown place ("Port Salwan, 3 May 2021"), or a byline with a date
    0.6   at most, where 3/4/2021 in an Arabic article was read day first, as is usual in Arabic
    0.5   the name of the file, or a line that states when the article was updated
    0.4   the only line that is just a date, if it is near the head
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from index.articles import Span
from index.dates.datelines import STATED_CERTAINTY, certainty_of_dateline
from index.dates.parser import CLOCK, WEEKDAY, find_dates, read_date, strip_dates
from index.runtime.cancellation import Check, checked, never
from index.text.folding import fold_text
from index.text.language import detect_language
from index.text.lines import Line, unmasked_lines

DateSource = Literal["given", "dateline", "text", "name"]

_GIVEN_CERTAINTY = 1.0
_DAY_FIRST_CERTAINTY = 0.6
_NAME_OR_UPDATE_CERTAINTY = 0.5
_LONE_LINE_CERTAINTY = 0.4

# Number of the article's own lines that are searched.
_HEAD_LABELLED_LINES = 10
_TAIL_LABELLED_LINES = 4
_HEAD_DATELINE = 6
_HEAD_LONE_LINES = 5
_LONGEST_LABELLED_LINE = 120
_LONGEST_LONE_LINE = 60
_BEGINNING = 250
"""Code points of a paragraph that are searched for a dateline."""

# Everything below is matched against folded text (index/text/folding.py).
_UPDATED = (
    r"(?:اخر |تاريخ |تم )?(?:ال)?(?:تحديث|تعديل)(?:ه|ها)?|حدثت?|last update"
    r"|(?:last |date )?(?:updated|modified|edited|revised|reviewed)"
)
_PUBLISHED = (
    r"(?:تم )?(?:ال)?(?:نشر|نشرت|نشره|نشرها|اضيف|اضيفت|اضافه)"
    r"|تاريخ (?:ال)?(?:نشر|اضافه|خبر|مقال|مقاله|انشاء|اصدار)|(?:ال)?تاريخ"
    r"|(?:first |date |originally |article )?(?:published|posted)|(?:publication|publish|release) date|dated?|issued"
)
_AFTER_LABEL = r"(?!\w)[\s:|–—-]*(?:(?:في|بتاريخ|يوم|on|at)(?!\w)[\s:|–—-]*)*"
_LABEL = re.compile(rf"(?:(?P<updated>{_UPDATED})|(?P<published>{_PUBLISHED})){_AFTER_LABEL}")
_PARTS = re.compile(rf"\s*[|•·]\s*|[,،;؛–—-]\s*(?=(?:{_UPDATED}|{_PUBLISHED})(?!\w))")
_BYLINE = re.compile(r"\s*[,،]?\s*(?:by|بقلم|بواسطه|كتب|كتبه)(?!\w).{2,40}")
_NUMBERS = r"(?:\d{4}[-_.]\d{1,2}[-_.]\d{1,2}|\d{1,2}[-_.]\d{1,2}[-_.]\d{4}|\d{8})"
_DATE_IN_NAME = re.compile(rf"(?:^({_NUMBERS})(?![^\W_])|(?<![^\W_])({_NUMBERS})$)")


@dataclass(frozen=True)
class PublicationDate:
    """The day of an article as YYYY-MM-DD, its source, and its certainty (0 to 1, see the module)."""

    day: str
    found_in: DateSource
    certainty: float


@dataclass(frozen=True)
class _Candidate:
    """A date that may be the article's; `readings` as in `WrittenDate`."""

    readings: tuple[datetime.date, ...]
    found_in: DateSource
    certainty: float


def date_of_article(
    text: str,
    ignored: Sequence[Span],
    given: str | None,
    file_name: str,
    today: datetime.date | None = None,
    check: Check = never,
) -> PublicationDate | None:
    """Return the article's date, or `None` where no reliable one is found.

    `given` is the date in the file's structured data, as written there; `file_name` is "" for an article that shares
    its file with others, as the name does not describe it. Dates after tomorrow, counted from `today`, are ignored.
    """
    today = today or datetime.datetime.now(datetime.UTC).date()
    lines = unmasked_lines(text, ignored)
    candidates = [
        *_from_given(given, today),
        *_from_labelled_lines(lines, today),
        *_from_dateline(lines, today),
        *_from_name(file_name, today),
        *_from_lone_line(checked(lines, check), today),
    ]
    is_arabic = any(len(candidate.readings) > 1 for candidate in candidates) and detect_language(text) == "ar"
    resolved = [
        publication_date for candidate in candidates for publication_date in _resolve(candidate, candidates, is_arabic)
    ]
    return max(resolved, key=lambda publication_date: publication_date.certainty, default=None)


def _resolve(candidate: _Candidate, others: Sequence[_Candidate], is_arabic: bool) -> Iterator[PublicationDate]:
    """Yield the day of `candidate`, unless it is ambiguous and no other candidate confirms one of its readings."""
    readings, certainty = candidate.readings, candidate.certainty
    if len(readings) > 1:
        # 3/4/2021 beside "3 April 2021" is the third of April.
        confirmed = [day for other in others if len(other.readings) == 1 for day in other.readings if day in readings]
        if not confirmed and not is_arabic:
            return
        readings = tuple(confirmed) or readings
        certainty = certainty if confirmed else min(certainty, _DAY_FIRST_CERTAINTY)
    yield PublicationDate(readings[0].isoformat(), candidate.found_in, certainty)


def _from_given(given: str | None, today: datetime.date) -> Iterator[_Candidate]:
    if given and (readings := read_date(given, today)):
        yield _Candidate(readings, "given", _GIVEN_CERTAINTY)


def _from_labelled_lines(lines: Sequence[Line], today: datetime.date) -> Iterator[_Candidate]:
    """Yield labelled dates near the head or the end; a label may be on the line before its date."""
    numbers = sorted({*range(len(lines))[:_HEAD_LABELLED_LINES], *range(len(lines))[-_TAIL_LABELLED_LINES:]})
    for number in numbers:
        line_text = re.sub(r"^[\W_]+", "", lines[number].folded)
        if _LABEL.fullmatch(line_text) and number + 1 < len(lines):
            line_text = f"{line_text} {lines[number + 1].folded}"
        if len(line_text) > _LONGEST_LABELLED_LINE or lines[number].is_prose:
            continue
        for part in _PARTS.split(line_text):
            yield from _labelled_date(part, today)


def _labelled_date(part: str, today: datetime.date) -> Iterator[_Candidate]:
    label = _LABEL.match(part)
    dates = find_dates(part, today)
    if not label or not dates:
        return
    between, after = part[label.end() : dates[0].start], part[dates[-1].end :]
    # "Published on 3 May 2021, the report says" is a sentence about a report.
    if strip_dates(between, []) or len({date.readings for date in dates}) > 1:
        return
    if not strip_dates(after, []) or _BYLINE.fullmatch(CLOCK.sub("", after)):
        yield _Candidate(dates[0].readings, "text", _NAME_OR_UPDATE_CERTAINTY if label["updated"] else STATED_CERTAINTY)


def _from_dateline(lines: Sequence[Line], today: datetime.date) -> Iterator[_Candidate]:
    for line in lines[:_HEAD_DATELINE]:
        # A dateline may begin a long paragraph: only its beginning is searched.
        folded = " ".join(fold_text(line.text[:_BEGINNING]).split()).lstrip("*_#([ ")
        dates = find_dates(folded, today)
        if dates and (certainty := certainty_of_dateline(folded, dates[0])):
            yield _Candidate(dates[0].readings, "dateline", certainty)
            return


def _from_lone_line(lines: Iterable[Line], today: datetime.date) -> Iterator[_Candidate]:
    """Yield a line that is just a date, near the head and the only one, since a chronology has many."""
    lone_dates: dict[tuple[datetime.date, ...], bool] = {}
    for number, line in enumerate(lines):
        if len(line.text) > _LONGEST_LONE_LINE or not any(map(str.isdigit, line.text)):
            continue
        dates = find_dates(line.folded, today)
        if len(dates) == 1 and not strip_dates(line.folded, dates):
            after = line.folded[dates[0].end :]
            is_plain = not WEEKDAY.search(line.folded) and not CLOCK.search(after)
            lone_dates.setdefault(dates[0].readings, is_plain and number < _HEAD_LONE_LINES)
            if len(lone_dates) > 1:
                return
    if len(lone_dates) == 1:
        ((readings, is_reliable),) = lone_dates.items()
        if is_reliable:
            yield _Candidate(readings, "text", _LONE_LINE_CERTAINTY)


def _from_name(file_name: str, today: datetime.date) -> Iterator[_Candidate]:
    suffix = PurePath(file_name).suffix
    stem = fold_text(file_name[: -len(suffix)] if re.search(r"[A-Za-z]", suffix) else file_name)
    date_texts = [group for match in _DATE_IN_NAME.finditer(stem) for group in match.groups() if group]
    distinct_readings = {
        readings for date_text in date_texts if (readings := read_date(date_text.replace("_", "-"), today))
    }
    if len(distinct_readings) == 1:
        yield _Candidate(distinct_readings.pop(), "name", _NAME_OR_UPDATE_CERTAINTY)
