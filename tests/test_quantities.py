"""Quantities: numbers with units, dates and clock times, normalised; and what is no value."""

from __future__ import annotations

import datetime
from fractions import Fraction

import pytest

from qa.comparison.quantities import Quantity, quantities
from qa.comparison.quantity_sums import added, is_comparable, subtracted
from qa.units import units_by_word

PUBLISHED = datetime.date(2018, 12, 16)


def only(text: str) -> Quantity:
    (quantity,) = quantities(text, PUBLISHED)
    return quantity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.2 km", "1200 metres"),
        ("1.2 km", "١٫٢ كيلومتر"),
        ("90 cm", "900 ملم"),
        ("1 mile", "1.609344 km"),
        ("6 ft 6 inches", "1.9812 m"),
        ("2.5 tonnes", "2500 kg"),
        ("500 غرام", "نصف كيلو"),
        ("1 hour 10 minutes", "70 minutes"),
        ("ساعة ونصف", "90 دقيقة"),
        ("ساعتان", "two hours"),
        ("half an hour", "30 minutes"),
        ("an hour and a half", "90 minutes"),
        ("£1.2m", "£1,200,000"),
        ("3.6 ملايين دينار", "3,600,000 dinars"),
        ("seventy-five minutes", "75 minutes"),
        ("at 7.30 pm", "at 19:30"),
        ("half past six in the morning", "06:30"),
        ("السابعة والنصف صباحا", "07:30"),
        ("الثانية بعد الظهر", "14:00"),
        ("22 December 2018", "22 December"),
        ("9 نيسان 2019", "9 April 2019"),
        ("سنة 1936", "in 1936"),
    ],
)
def test_the_same_quantity_written_otherwise_is_the_same(one: str, other: str) -> None:
    first, second = only(one), only(other)
    assert (first.low, first.high, first.unit.dimension) == (second.low, second.high, second.unit.dimension)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("The bridge is 120 metres long, and 20 m longer than the other.", ["120 metres"]),
        ("150 غراما، لا 250 غراما", ["150 غراما"]),
        ("9 to 24 September. 50 minutes.", ["50 minutes"]),
        ("voted by 61 to 44", []),
        ("sales fell by 20", []),
        ("أقل من العام الماضي بعشرين طنا", []),
        ("the second bridge, in its 3rd year", []),
        ("3,214 people voted in 2019", ["3,214", "2019"]),
        ("A ticket costs €14.50.", ["€14.50"]),
    ],
)
def test_ranges_denied_and_relative_numbers_are_no_values(text: str, written: list[str]) -> None:
    assert [text[q.start : q.end] for q in quantities(text)] == written


def test_bounds_are_intervals() -> None:
    more, less, about = only("more than 300 people"), only("fewer than 300 people"), only("about 300 people")
    assert more.low == 300
    assert more.high is None
    assert less.high == 300
    assert about.high is not None
    assert about.low < 300 < about.high
    assert only("250 people").is_below(more)
    assert not only("305 people").is_below(more)
    assert not about.is_below(only("305 people"))


def test_a_year_is_all_its_days() -> None:
    year, day = only("in 1994"), only("16 نيسان 1994")
    assert year.low <= day.low <= (year.high or 0)
    assert not year.is_below(day)
    assert only("in 1936").is_below(day)


@pytest.mark.parametrize(
    ("one", "other", "comparable"),
    [
        ("120 m", "1 km", True),
        ("£9", "£9.80", True),
        ("£9", "€9", False),
        ("120 m", "120 kg", False),
        ("120 m", "120", False),
        ("at six o'clock", "18:10", False),
    ],
)
def test_units_that_cannot_be_compared(one: str, other: str, comparable: bool) -> None:
    assert is_comparable([only(one), only(other)]) is comparable


@pytest.mark.parametrize(
    ("one", "other", "unit", "result"),
    [
        ("120 m", "90 m", "", "30 m"),
        ("1.2 km", "900 m", "", "300 m"),
        ("1.2 km", "900 m", "km", "0.3 km"),
        ("£2,115", "£388", "", "£1,727"),
        ("€14.50", "€9", "", "€5.50"),
        ("5.1 ملايين دينار", "4.2 ملايين دينار", "", "900,000 دينار"),
        ("57", "41", "", "16"),
        ("07:15", "08:00", "", "45 minutes"),
        ("in 1994", "in 1936", "", "58 years"),
        ("16 April 1994", "3 May 1996", "", "2 years"),
        ("16 April 1994", "20 April 1994", "", "4 days"),
    ],
)
def test_a_difference_is_written_with_its_unit(one: str, other: str, unit: str, result: str) -> None:
    difference = subtracted([(only(one), one), (only(other), other)], unit, "en")
    assert difference
    assert (difference.text, difference.about) == (result, False)


def test_years_between_a_day_and_a_year_are_rounded() -> None:
    values = [(only("in 1936"), "1936"), (only("16 April 1994"), "16 April 1994")]
    assert subtracted(values, "", "en") is None
    difference = subtracted(values, "years", "en")
    assert difference
    assert (difference.text, difference.about) == ("58 years", True)


def test_only_amounts_are_added() -> None:
    assert added([(only("120 m"), "120 m"), (only("0.3 km"), "0.3 km")], "", "en") is not None
    assert added([(only("in 1936"), "1936"), (only("in 1994"), "1994")], "", "en") is None
    assert added([(only("12 %"), "12 %"), (only("14 %"), "14 %")], "", "en") is None
    assert added([(only("more than 300"), "300"), (only("14"), "14")], "", "en") is None


def test_every_unit_has_a_positive_factor() -> None:
    assert all(unit.factor > Fraction(0) for unit in units_by_word().values())
