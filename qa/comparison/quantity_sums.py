"""Arithmetic on quantities: their difference and their sum, written with a unit."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from index.articles import Language
from qa.comparison.quantities import Quantity
from qa.comparison.written_times import DAY, DAY_WITHOUT_YEAR, YEAR, years_between
from qa.units import NONE, PREFIXED, Unit, units_by_word

_SECONDS_PER_DAY = 86400
_WORD = re.compile(r"[^\W\d_]+")
_ADDED = frozenset({"number", "length", "weight", "duration", "area", "volume", "money"})
"""Dimensions whose sum means something."""

Written = tuple[Quantity, str]
"""A quantity and its words in the article."""


@dataclass(frozen=True)
class Result:
    """A computed value as it is written; `about` where it rests on rounded ones."""

    text: str
    about: bool = False


def is_comparable(quantities: Sequence[Quantity]) -> bool:
    """Return whether quantities have one dimension, and sums of money and clocks one unit."""
    units = {quantity.unit for quantity in quantities}
    if len({unit.dimension for unit in units}) != 1:
        return False
    same_unit = any(unit.dimension in ("money", "time") or unit == DAY_WITHOUT_YEAR for unit in units)
    return not same_unit or len(units) == 1


def subtracted(values: Sequence[Written], unit: str, language: Language) -> Result | None:
    """Return how far two quantities are apart, in `unit` (a folded word) if it fits; `None` if it cannot be told."""
    (first, _), (second, _) = values
    dimension = first.unit.dimension
    if dimension == "date":
        return _time_between(first, second, unit, language)
    if first.high is None or second.high is None:
        return None
    apart = abs(_middle(first) - _middle(second))
    about = not (first.is_exact and second.is_exact)
    if dimension == "time":
        clock = units_by_word()["minutes" if apart % 60 else "hours"]
        return Result(_written(apart * 60 / clock.factor, clock, language))
    return Result(_in_unit(apart, values, unit, language), about)


def added(values: Sequence[Written], unit: str, language: Language) -> Result | None:
    """Return the sum of quantities; `None` where a sum means nothing."""
    if values[0][0].unit.dimension not in _ADDED or any(quantity.high is None for quantity, _ in values):
        return None
    total = sum((_middle(quantity) for quantity, _ in values), Fraction(0))
    return Result(_in_unit(total, values, unit, language), not all(quantity.is_exact for quantity, _ in values))


def _middle(quantity: Quantity) -> Fraction:
    return (quantity.low + (quantity.high or quantity.low)) / 2


def _time_between(first: Quantity, second: Quantity, unit: str, language: Language) -> Result | None:
    earlier, later = sorted((first, second), key=lambda quantity: quantity.low)
    asked = units_by_word().get(unit)
    years = units_by_word()["years"]
    if earlier.unit == YEAR and later.unit == YEAR and (asked is None or asked == years):
        return Result(_written(Fraction(years_between(earlier.low, later.low)), years, language))
    if asked == years and earlier.unit != DAY_WITHOUT_YEAR and not (earlier.is_exact and later.is_exact):
        # Of a year alone the day is unknown.
        first_year, last_year = (datetime.date.fromordinal(int(day)).year for day in (earlier.low, later.low))
        return Result(_written(Fraction(last_year - first_year), years, language), about=True)
    if not (earlier.is_exact and later.is_exact):
        return None
    days = later.low - earlier.low
    if asked == years or (asked is None and days >= 2 * 365 and earlier.unit != DAY_WITHOUT_YEAR):
        return Result(_written(Fraction(years_between(earlier.low, later.low)), years, language))
    if earlier.unit != DAY or (asked and asked.name not in ("day", "week")):
        return None
    counted = asked or units_by_word()["days"]
    return Result(_written(days * _SECONDS_PER_DAY / counted.factor, counted, language))


def _in_unit(value: Fraction, values: Sequence[Written], unit: str, language: Language) -> str:
    """Write a value in base units: in the unit that is asked for, or the smallest that the articles use."""
    first, text = values[0]
    asked = units_by_word().get(unit)
    if first.unit == NONE:
        return _number(value)
    if first.unit.dimension == "money":
        return _money(value, text)
    smallest = min((quantity.unit for quantity, _ in values), key=lambda used: used.factor)
    fits = asked is not None and asked.dimension == first.unit.dimension
    chosen = asked if fits and asked else smallest
    return _written(value / chosen.factor, chosen, language)


def _money(value: Fraction, text: str) -> str:
    """Write a sum of money with the sign or the word of the article."""
    if sign := next((character for character in text if character in PREFIXED), ""):
        return f"{sign}{_number(value, 2)}"
    words = _WORD.findall(text)
    return f"{_number(value)} {words[-1]}" if words else _number(value)


def _written(value: Fraction, unit: Unit, language: Language) -> str:
    return f"{_number(value)} {unit.written_in(language)}"


def _number(value: Fraction, decimals: int = 0) -> str:
    """Write a number with thousands separators and at most two decimals."""
    if value.denominator == 1:
        return f"{int(value):,}"
    written = f"{float(value):,.2f}"
    return written if decimals else written.rstrip("0").rstrip(".")
