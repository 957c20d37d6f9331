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
_MAX_PERIODS = 48
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
    dated = [(article.language, article.date) for article in articles if article.date and _DATE.match(article.date)]
    unit = _unit([iso_date for _, iso_date in dated])
    truncated = [(language, iso_date[: _LENGTH[unit]]) for language, iso_date in dated]
    periods = (
        tuple(_between(unit, min(iso_date for _, iso_date in truncated), max(iso_date for _, iso_date in truncated)))
        if truncated
        else ()
    )
    totals = Counter(truncated)
    counts = {language: tuple(totals[language, period] for period in periods) for language in get_args(Language)}
    return Timeline(unit, periods, counts, len(articles) - len(dated))


def _unit(dates: Sequence[str]) -> Unit:
    shortest = min((len(iso_date) for iso_date in dates), default=4)
    if shortest < _LENGTH["month"]:
        return "year"
    months = len(list(_between("month", min(dates)[:7], max(dates)[:7])))
    if months > _MAX_PERIODS:
        return "year"
    if shortest < _LENGTH["day"]:
        return "month"
    days = (date.fromisoformat(max(dates)[:10]) - date.fromisoformat(min(dates)[:10])).days + 1
    return "day" if days <= _MAX_PERIODS else "month"


def _between(unit: Unit, first: str, last: str) -> Iterator[str]:
    if unit == "year":
        yield from (f"{year:04}" for year in range(int(first), int(last) + 1))
    elif unit == "month":
        begin, end = (int(iso_date[:4]) * 12 + int(iso_date[5:7]) - 1 for iso_date in (first, last))
        yield from (f"{month // 12:04}-{month % 12 + 1:02}" for month in range(begin, end + 1))
    else:
        begun = date.fromisoformat(first)
        for days in range((date.fromisoformat(last) - begun).days + 1):
            yield (begun + timedelta(days)).isoformat()
