"""Answers to questions that compare: each value found and quoted by itself, compared by the program.

    "The Heron bridge [1][2]. The Heron bridge: 120 m [1]. The Palm bridge: 90 m [2]."

Numbers are compared with their units, dates with dates. Nothing is answered where a value is missing, where the units
cannot be compared, or where the values are too vague to tell ("about 300" and 305).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from index.articles import Language
from index.text.folding import fold
from qa.comparison.quantities import Quantity
from qa.comparison.quantity_sums import added, is_comparable, subtracted
from qa.comparison.values import FoundValue, ValueFinder
from qa.composed import ComposedAnswer, Statement
from qa.composed_texts import texts
from qa.postprocess import match_digits
from qa.query.comparison_question import ComparisonQuestion

_MIN_VALUES = 2
_ARTICLE = re.compile(r"^(?:the|an?) ")

Compared = tuple[FoundValue, Quantity]
"""A value, and that of its readings which is compared."""


def compare(asked: ComparisonQuestion, finder: ValueFinder, language: Language) -> ComposedAnswer | None:
    """Answer a question that compares; `None` unless all values are found and comparable."""
    # Of unnamed things it is not known which is the first, or whether all are there.
    if not asked.things and asked.operation in ("whether", "sum"):
        return None
    values = _of_one_kind(finder.named() if asked.things else _unnamed(asked, finder))
    if len(values) < _MIN_VALUES:
        return None
    worded = texts(language)["comparison"]
    conclusion = (
        _computed(asked, values, worded, language)
        if asked.operation in ("difference", "sum")
        else _chosen(asked, values, worded)
    )
    if conclusion is None:
        return None
    text, winner, verdict = conclusion
    quotations = tuple(dict.fromkeys(quotation for value, _ in values for quotation in value.quotations))
    statements = [Statement(match_digits(asked.question, text), quotations)]
    statements += [_value_statement(asked, value, worded) for value, _ in values]
    short = _short_answer(winner) if winner and asked.operation == "which" else None
    # All values must be right.
    confidence = math.prod(value.probability for value, _ in values)
    return ComposedAnswer(tuple(statements), confidence, short, verdict)


def _unnamed(asked: ComparisonQuestion, finder: ValueFinder) -> list[FoundValue]:
    """Return the values of unnamed things: all, or where two are compared the likeliest two."""
    found = finder.unnamed()
    return found[:2] if asked.operation == "difference" else found


def _of_one_kind(values: Sequence[FoundValue]) -> list[Compared]:
    """Return each value with its first reading of a dimension that all have; empty if they cannot be compared."""
    places = {(value.value.evidence.article.id, value.value.span) for value in values}
    if not values or len(places) < len(values):
        return []
    for dimension in dict.fromkeys(reading.unit.dimension for reading in values[0].readings):
        chosen = [next((r for r in v.readings if r.unit.dimension == dimension), None) for v in values]
        fitting = [quantity for quantity in chosen if quantity]
        if len(fitting) == len(values) and is_comparable(fitting):
            return list(zip(values, fitting, strict=True))
    return []


def _value_statement(asked: ComparisonQuestion, value: FoundValue, worded: dict[str, str]) -> Statement:
    text = worded["value"].format(name=_capitalised(value.thing), value=value.text)
    return Statement(match_digits(asked.question, text), value.quotations)


def _short_answer(winner: FoundValue) -> str | None:
    """Return the name of a thing as one of its quotations or their title has it."""
    for located in winner.quotations:
        article = located.evidence.article
        for text in (located.evidence.cut(located.evidence.span), article.title):
            if name := _occurrence(winner.thing, text):
                return name
    return None


def _occurrence(name: str, text: str) -> str | None:
    """Return a name as it stands in a text, whatever its capitals and hamzas; `None` if it is not there."""
    folded, sought = fold(text), _ARTICLE.sub("", fold(name).text)
    start = folded.text.find(sought)
    if start < 0:
        return None
    span = folded.to_original(start, start + len(sought))
    return text[span.start : span.end]


_Conclusion = tuple[str, FoundValue | None, bool | None]
"""First sentence, the thing that was chosen, and yes or no."""


def _chosen(asked: ComparisonQuestion, values: Sequence[Compared], worded: dict[str, str]) -> _Conclusion | None:
    """Conclude which thing has the most or the least, or whether the first one has."""
    winners = _winners(asked, values)
    if not winners:
        return None
    if len(winners) > 1:
        if asked.operation == "whether":
            return worded["no_equal"].format(value=values[0][0].text), None, False
        names = worded["and"].join(value.thing for value in winners)
        return worded["equal"].format(names=_capitalised(names), value=winners[0].text), None, None
    (winner,) = winners
    if asked.operation == "which":
        return _capitalised(winner.thing), winner, None
    verdict = winner is values[0][0]
    return worded["yes" if verdict else "no"], winner, verdict


def _winners(asked: ComparisonQuestion, values: Sequence[Compared]) -> list[FoundValue]:
    """Return the thing with the most (or the least); several if they are equal, none if it cannot be told."""
    is_of_time = values[0][1].unit.dimension in ("date", "time")
    greatest = asked.latest if is_of_time else asked.most

    def is_behind(one: Quantity, other: Quantity) -> bool:
        return one.is_below(other) if greatest else other.is_below(one)

    return [
        value
        for value, quantity in values
        if all(other is quantity or _same(quantity, other) or is_behind(other, quantity) for _, other in values)
    ]


def _same(one: Quantity, other: Quantity) -> bool:
    return one.is_exact and (one.low, one.high) == (other.low, other.high)


def _computed(
    asked: ComparisonQuestion, values: Sequence[Compared], worded: dict[str, str], language: Language
) -> _Conclusion | None:
    """Conclude how far two things are apart, or how much all are together."""
    written = [(quantity, value.text) for value, quantity in values]
    combine = subtracted if asked.operation == "difference" else added
    if asked.operation == "difference" and len(written) != 2:
        return None
    result = combine(written, asked.unit, language)
    if result is None:
        return None
    key = asked.operation if not result.about else f"{asked.operation}_about"
    return worded[key].format(value=result.text), None, None


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
