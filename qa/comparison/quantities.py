"""Quantities in a text: numbers with their units, dates and clock times, normalised so that they can be compared.

    quantities("The Heron bridge is 1.2 km long.")  →  1200 metres at "1.2 km"

A quantity is an interval in the base unit of its dimension: "2019" is all days of that year, "more than 300" has no
upper end. Numbers that are ranges ("9 to 24"), denied ("not 250 g") or relative ("20 m longer than") are left out.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

from index.text.folding import Folded, fold
from index.text.words import STOP_WORDS, normalize_tokens
from qa.comparison.written_times import written_times
from qa.units import NONE, PREFIXED, Unit, single_units, units_by_word
from qa.verification.numbers import NumberMention, parse_numbers

_ORDINAL_AFTER = re.compile(r"(?:st|nd|rd|th)(?!\w)")
_ORDINAL_WORD = re.compile(
    r"(?:^|[\s-])(?:second|third|\w+th)$|(?:ثاني|ثالث|رابع|خامس|سادس|سابع|ثامن|تاسع|عاشر|حادي|حاديه)ه?(?: عشره?)?$"
)
_ONE = re.compile(r"(?<![\w.,:/])1(?![.,:/]?\d)")
"""Left out by `parse_numbers`."""
_SCALES = {"mn": 10**6, "bn": 10**9, "m": 10**6, "k": 10**3}
_SCALE_AFTER = re.compile(r"\s?(mn|bn|m|k)(?!\w)")
_SIGN_BEFORE = re.compile(rf"(?P<sign>[{PREFIXED}])\s?$")
_JOINED = re.compile(r"\s*(?:,|and|و)?\s*")
_PART_AFTER = re.compile(r"\s+(?:and a |و)(?P<part>half|quarter|نصف|ربع|ثلث)(?:\s+ال\w+)?(?!\w)")
_PARTS = {
    "half": Fraction(1, 2), "نصف": Fraction(1, 2), "quarter": Fraction(1, 4), "ربع": Fraction(1, 4),
    "ثلث": Fraction(1, 3),
}  # fmt: skip
_NOUN = re.compile(r"[\s-](?:of the |of )?(?P<noun>[^\W\d_]{2,})")

_AT_LEAST = re.compile(
    r"(?<!no )(?<!not )\b(?:more than|over|above|exceeding)\s$|\b(?:at least|no fewer than|no less than)\s$"
    r"|(?<!لا )(?<!\w)(?:ب?اكثر من|ما يزيد علي|ما يزيد عن|يزيد علي|تزيد علي|فوق)\s$"
    r"|(?<!\w)(?:لا يقل عن|لا تقل عن|علي الاقل)\s$"
)
_AT_MOST = re.compile(
    r"(?<!no )(?<!not )\b(?:less than|fewer than|under|below)\s$|\b(?:up to|at most|no more than|not more than)\s$"
    r"|(?<!لا )(?<!\w)(?:ب?اقل من|ما يقل عن|يقل عن|تقل عن|دون)\s$"
    r"|(?<!\w)(?:لا يزيد علي|لا تزيد علي|لا يتجاوز|لا تتجاوز)\s$"
)
_ABOUT = re.compile(
    r"\b(?:about|around|nearly|almost|roughly|some|approximately|close to|just over|just under)\s$"
    r"|(?<!\w)(?:بنحو|نحو|حوالي|بحوالي|زهاء|قرابه|يقارب|تقارب|ما يقارب|ما يقرب من)\s$"
)
_ABOUT_AFTER = re.compile(r"\s(?:or so|تقريبا)(?!\w)")
_DENIED = re.compile(r"\b(?:not|instead of|rather than)\s(?:the )?$|(?<!\w)(?:و?لا|و?ليس|و?ليست|بدلا من|بدل)\s$")
_RELATIVE_AFTER = re.compile(
    r"\s?(?:\w+er|more|less|fewer|above|below)\b(?:\s\w+){0,2}\sthan\b|\s(?:more|fewer|less)\b"
)
_RELATIVE_BEFORE = re.compile(
    r"\b(?:rose|risen|fell|fallen|grew|grown|increased?|decreased?|dropped|up|down|longer|shorter|older|more|less)"
    r"\s(?:\w+\s){0,3}by\s$"
    r"|(?<!\w)(?:اطول|اقصر|اعلي|اكبر|اصغر|اكثر|اقل|اقدم|ارخص|اغلي)\s(?:\w+\s){0,4}ب$"
    r"|(?<!\w)(?:ب|ال)?(?:زياده|فارق|ارتفاع|انخفاض|تراجع|نقص)\s(?:قدرها |قدره |بنسبه |مقدارها |مقداره )?$"
)
_RANGE_AFTER = re.compile(r"\s?(?:-|–|to|الي|حتي)\s?[$€£]?\d")
_RANGE_BEFORE = re.compile(
    r"(?:\d\s?(?:-|–|to|الي|حتي)\s?[$€£]?|\bbetween\s[^.]{1,20}\band\s|(?<!\w)بين\s[^.]{1,20}و\s?)$"
)
_LOOK_BACK = 40
_ABOUT_SHARE = Fraction(1, 20)
"""Half the width of the interval that "about 300" stands for."""


@dataclass(frozen=True)
class Quantity:
    """A quantity at `text[start:end]`: from `low` to `high` base units; no upper end where `high` is `None`.

    `unit` is how it was written; of a date how exact it is, with days as base units. `noun` is the stem of what a
    number without a unit counts, if a word follows it.
    """

    start: int
    end: int
    unit: Unit
    low: Fraction
    high: Fraction | None
    noun: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether one value is meant; never so of a month or a year."""
        return self.low == self.high

    def is_below(self, other: Quantity) -> bool:
        """Return whether every value of this quantity is less than every value of the other."""
        return self.high is not None and self.high < other.low


def quantities(text: str, published: datetime.date | None = None) -> list[Quantity]:
    """Return the quantities of a text in order, with offsets into it; `published` is the article's date."""
    folded = fold(text)
    times = [Quantity(t.start, t.end, t.unit, t.low, t.high) for t in written_times(folded.text, published)]
    numbers = [q for q in _numbers(folded.text) if not any(q.start < t.end and t.start < q.end for t in times)]
    return [_in_original(folded, quantity) for quantity in sorted([*times, *numbers], key=lambda q: q.start)]


def _in_original(folded: Folded, quantity: Quantity) -> Quantity:
    span = folded.to_original(quantity.start, quantity.end)
    return replace(quantity, start=span.start, end=span.end)


def _numbers(folded: str) -> Iterator[Quantity]:
    """Yield the numbers of a folded text with their units, as intervals."""
    for first, last, value in _joined(folded, _items(folded)):
        before, after = folded[max(0, first.start - _LOOK_BACK) : first.start], folded[last.end :]
        if _RANGE_AFTER.match(after) or _RELATIVE_AFTER.match(after):
            continue
        # «أقل بعشرين»: ب may be written with the number.
        attached = before + ("ب" if folded[first.start] == "ب" else "")
        if _RANGE_BEFORE.search(before) or _DENIED.search(before) or _RELATIVE_BEFORE.search(attached):
            continue
        low, high = _interval(value * first.unit.factor, before, after)
        noun = _noun(folded, last.end) if first.unit == NONE else ""
        yield Quantity(first.start, last.end, first.unit, low, high, noun)


def _interval(value: Fraction, before: str, after: str) -> tuple[Fraction, Fraction | None]:
    if _AT_LEAST.search(before):
        return value, None
    if _AT_MOST.search(before):
        return Fraction(0), value
    if _ABOUT.search(before) or _ABOUT_AFTER.match(after):
        return value * (1 - _ABOUT_SHARE), value * (1 + _ABOUT_SHARE)
    return value, value


@dataclass(frozen=True)
class _Item:
    """A number with one unit: `value` of them."""

    start: int
    end: int
    unit: Unit
    value: Fraction


def _joined(folded: str, items: Sequence[_Item]) -> Iterator[tuple[_Item, _Item, Fraction]]:
    """Yield first and last item of each quantity, with its value in the first's unit: "1 hour 10 minutes" is one."""
    at = 0
    while at < len(items):
        first = last = items[at]
        value = first.value
        at += 1
        while at < len(items) and _continues(folded, last, items[at]):
            last = items[at]
            value += last.value * last.unit.factor / first.unit.factor
            at += 1
        yield first, last, value


def _continues(folded: str, last: _Item, following: _Item) -> bool:
    smaller = last.unit.dimension == following.unit.dimension and following.unit.factor < last.unit.factor
    return smaller and bool(_JOINED.fullmatch(folded, last.end, following.start))


def _items(folded: str) -> list[_Item]:
    """Return all numbers with their units, and the words that are both ("an hour", ساعتان)."""
    mentions = parse_numbers(folded)
    one = frozenset({Fraction(1)})
    ones = [NumberMention(match.start(), match.end(), one, one) for match in _ONE.finditer(folded)]
    mentions += [o for o in ones if not any(o.start < m.end and m.start < o.end for m in mentions)]
    items = [item for mention in mentions if (item := _item(folded, mention))]
    singles = [
        _with_part(folded, match.start(), match.end(), *single_units()[" ".join(match.group().split())])
        for match in _single_pattern().finditer(folded)
    ]
    items += [s for s in singles if not any(s.start < i.end and i.start < s.end and i.unit != NONE for i in items)]
    # The half of «ساعة ونصف» belongs to the hour.
    kept = [
        i for i in items if not any(i.unit == NONE and s.start < i.end and i.start < s.end for s in items if s != i)
    ]
    return sorted(kept, key=lambda item: item.start)


def _item(folded: str, mention: NumberMention) -> _Item | None:
    """Return a number with its unit; `None` for an ordinal."""
    text, value, end = folded[mention.start : mention.end], max(mention.readings), mention.end
    if _ORDINAL_AFTER.match(folded, end) or _ORDINAL_WORD.search(text):
        return None
    if sign := _SIGN_BEFORE.search(folded, max(0, mention.start - 2), mention.start):
        if scale := _SCALE_AFTER.match(folded, end):
            value, end = value * _SCALES[scale[1]], scale.end()
        return _Item(sign.start(), end, units_by_word()[sign["sign"]], value)
    if unit := _unit_pattern().match(folded, end):
        found = units_by_word()[" ".join(unit["unit"].split())]
        return _with_part(folded, mention.start, unit.end(), found, value)
    return _Item(mention.start, end, NONE, value)


def _with_part(folded: str, start: int, end: int, unit: Unit, value: Fraction | int) -> _Item:
    """Return an item with the half that may follow its unit: "an hour and a half"."""
    part = _PART_AFTER.match(folded, end)
    if part is None:
        return _Item(start, end, unit, Fraction(value))
    return _Item(start, part.end(), unit, Fraction(value) + _PARTS[part["part"]])


def _noun(folded: str, end: int) -> str:
    match = _NOUN.match(folded, end)
    if match is None or match["noun"] in STOP_WORDS:
        return ""
    # كتابا with the alif of its tanwin is كتاب.
    word = match["noun"]
    return normalize_tokens(word[:-1] if word.endswith("ا") and len(word) > 3 else word)[0]


@cache
def _unit_pattern() -> re.Pattern[str]:
    return re.compile(rf"[\s-]?(?:of an? |an? )?(?P<unit>{_alternation(tuple(units_by_word()))})(?!\w)")


@cache
def _single_pattern() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){_alternation(tuple(single_units()))}(?!\w)")


def _alternation(words: tuple[str, ...]) -> str:
    longest_first = sorted(words, key=len, reverse=True)
    return "(?:" + "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in longest_first) + ")"
