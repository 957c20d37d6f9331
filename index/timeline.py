"""Timeline: numbers of articles per language in each year, month or day."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

from index.article_list import ArticleSummary
from index.articles import Language

_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?($|T)")
Unit = Literal["year", "month", "day"]
_LENGTH: dict[Unit, int] = {"year": 4, "month": 7, "day": 10}
_MOST = 48
"""Maximum number of periods in a chart, unless they are years."""


@dataclass(frozen=True)
class Timeline:
    """Numbers of articles by period and language.

    `periods` are ISO dates or prefixes of them ("2021", "2021-04"), without gaps; `counts` has as many numbers for each
    language. `undated` is the number of articles without a readable date.
    """

    unit: Unit
    periods: tuple[str, ...]
    counts: dict[Language, tuple[int, ...]]
    undated: int


def article_timeline(articles: Sequence[ArticleSummary]) -> Timeline:
    """Count articles in the finest periods that fit a chart; a date without day or month makes them coarser."""
    dated = [(one.language, one.date) for one in articles if one.date and _DATE.match(one.date)]
    unit = _unit([when for _, when in dated])
    cut = [(language, when[: _LENGTH[unit]]) for language, when in dated]
    periods = tuple(_between(unit, min(when for _, when in cut), max(when for _, when in cut))) if cut else ()
    found = Counter(cut)
    counts = {language: tuple(found[language, period] for period in periods) for language in get_args(Language)}
    return Timeline(unit, periods, counts, len(articles) - len(dated))


def _unit(dates: Sequence[str]) -> Unit:
    shortest = min((len(when) for when in dates), default=4)
    if shortest < _LENGTH["month"]:
        return "year"
    months = len(list(_between("month", min(dates)[:7], max(dates)[:7])))
    if months > _MOST:
        return "year"
    if shortest < _LENGTH["day"]:
        return "month"
    days = (date.fromisoformat(max(dates)[:10]) - date.fromisoformat(min(dates)[:10])).days + 1
    return "day" if days <= _MOST else "month"


def _between(unit: Unit, first: str, last: str) -> Iterator[str]:
    if unit == "year":
        yield from (f"{year:04}" for year in range(int(first), int(last) + 1))
    elif unit == "month":
        begin, end = (int(when[:4]) * 12 + int(when[5:7]) - 1 for when in (first, last))
        yield from (f"{month // 12:04}-{month % 12 + 1:02}" for month in range(begin, end + 1))
    else:
        begun = date.fromisoformat(first)
        for days in range((date.fromisoformat(last) - begun).days + 1):
            yield (begun + timedelta(days)).isoformat()
