"""Answers to questions that compare: each value found and quoted by itself, compared by the program.

    "Longer: the Heron bridge [1][2]. The Heron bridge: 120 m [1]. The Palm bridge: 90 m [2]."

Numbers are compared with their units, dates with dates. Nothing is answered where a value is missing, where the units
cannot be compared, or where the values are too vague to tell ("about 300" and 305).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from index.articles import Language, Span
from index.retriever import Retriever
from qa.citations import Located
from qa.comparison.quantities import Quantity
from qa.comparison.quantity_sums import added, is_comparable, subtracted
from qa.comparison.thing_names import thing_names
from qa.comparison.values import Find, FoundValue, ValueFinder
from qa.composed import ComposedAnswer, Statement
from qa.composed_texts import texts
from qa.postprocess import match_digits
from qa.query.comparing.model import ComparisonQuestion, SubQuestion

_MIN_OF_KIND = 2
"""Fewest things of a kind among which one is the most."""


def compare(asked: ComparisonQuestion, retriever: Retriever, find: Find, language: Language) -> ComposedAnswer | None:
    """Answer a question that compares; `None` unless all values are found, borne out and comparable.

    `find` reads given hits for a sub-question.
    """
    finder = ValueFinder(asked, retriever, find)
    for question in asked.sub_questions:
        values, share = _values(asked, question, finder, language)
        if values and _are_comparable(values) and not (question.earliest and _are_of_other_times(values)):
            return _answer(asked, question, values, share, language)
    return None


def _values(
    asked: ComparisonQuestion, question: SubQuestion, finder: ValueFinder, language: Language
) -> tuple[list[FoundValue], float]:
    """Return the values of all things, and the share of things that have one."""
    if asked.things:
        return finder.of_things(question, thing_names(asked.things)), 1.0
    definite = asked.kind if asked.kind.startswith("ال") else f"ال{asked.kind}"
    values, without = finder.of_kind(question, f"the {asked.kind}" if language == "en" else definite)
    share = len(values) / (len(values) + without) if values else 0.0
    return (values, share) if len(values) >= _MIN_OF_KIND else ([], 0.0)


def _are_comparable(values: Sequence[FoundValue]) -> bool:
    """Return whether values can be compared: of one dimension and time, each its own, and counts of the same."""
    quantities = [value.quantity for value in values]
    places = {(value.value.evidence.article.id, value.value.span) for value in values}
    if len(places) < len(values) or not is_comparable(quantities):
        return False
    if len({value.is_past for value in values}) > 1:
        return False
    nouns = {quantity.noun for quantity in quantities}
    return all(value.has_noun for value in values) or (len(nouns) == 1 and nouns != {""})


def _are_of_other_times(values: Sequence[FoundValue]) -> bool:
    """Return whether ages are from articles so far apart that the difference may come from that."""
    if values[0].quantity.unit.dimension == "date":
        return False
    years = [int(date[:4]) for value in values if (date := value.value.evidence.article.date)]
    ages = sorted(value.quantity.low / value.quantity.unit.factor for value in values)
    apart = max(years, default=0) - min(years, default=0)
    return apart > 0 and any(older - younger <= apart + 1 for younger, older in pairwise(ages))


def _answer(
    asked: ComparisonQuestion, question: SubQuestion, values: Sequence[FoundValue], share: float, language: Language
) -> ComposedAnswer | None:
    worded = texts(language)["comparison"]
    conclusion = (
        _computed(asked, values, worded, language)
        if asked.operation in ("difference", "sum")
        else _chosen(asked, question, values, worded)
    )
    if conclusion is None:
        return None
    text, winner, verdict = conclusion
    values = _with_shared_quotations(values)
    quotations = tuple(dict.fromkeys(quotation for value in values for quotation in value.quotations))
    statements = [Statement(match_digits(asked.question, text), quotations)]
    statements += [
        Statement(
            match_digits(asked.question, worded["value"].format(name=_capitalised(value.thing), value=value.text)),
            value.quotations,
        )
        for value in values
    ]
    short = (winner.name or winner.value).text if winner and asked.operation == "which" else None
    # All values must be right.
    confidence = math.prod(value.probability for value in values) * share
    return ComposedAnswer(tuple(statements), confidence, short, verdict)


def _with_shared_quotations(values: Sequence[FoundValue]) -> list[FoundValue]:
    """Return the values with one object for a sentence that several of them are quoted from."""
    first: dict[tuple[str, str, Span], Located] = {}

    def shared(quotation: Located) -> Located:
        evidence = quotation.evidence
        return first.setdefault((evidence.article.id, evidence.field, evidence.span), quotation)

    return [replace(value, quotations=tuple(map(shared, value.quotations))) for value in values]


_Conclusion = tuple[str, FoundValue | None, bool | None]
"""First sentence, the thing that was chosen, and yes or no."""


def _chosen(
    asked: ComparisonQuestion, question: SubQuestion, values: Sequence[FoundValue], worded: dict[str, str]
) -> _Conclusion | None:
    """Conclude which thing has the most or the least, or whether the first one has."""
    winners = _winners(question, values)
    if not winners:
        return None
    if len(winners) > 1:
        if asked.operation == "whether":
            return worded["no_equal"].format(value=values[0].text), None, False
        names = worded["and"].join(value.thing for value in winners)
        return worded["equal"].format(names=_capitalised(names), value=winners[0].text), None, None
    (winner,) = winners
    text = worded["chosen"].format(wording=_capitalised(asked.wording), name=winner.thing)
    if asked.operation == "which":
        return text, winner, None
    verdict = winner is values[0]
    return worded["yes" if verdict else "no"].format(text=text), winner, verdict


def _winners(question: SubQuestion, values: Sequence[FoundValue]) -> list[FoundValue]:
    """Return the thing with the most (or the least); several if they are equal, none if it cannot be told."""
    dimension = values[0].quantity.unit.dimension
    greatest = question.greatest is not (question.earliest and dimension == "date")

    def is_behind(one: Quantity, other: Quantity) -> bool:
        return one.is_below(other) if greatest else other.is_below(one)

    return [
        value
        for value in values
        if all(
            other is value or _same(value.quantity, other.quantity) or is_behind(other.quantity, value.quantity)
            for other in values
        )
    ]


def _same(one: Quantity, other: Quantity) -> bool:
    return one.is_exact and (one.low, one.high) == (other.low, other.high)


def _computed(
    asked: ComparisonQuestion, values: Sequence[FoundValue], worded: dict[str, str], language: Language
) -> _Conclusion | None:
    """Conclude how far two things are apart, or how much all are together."""
    quantities = [(value.quantity, value.text) for value in values]
    combine = subtracted if asked.operation == "difference" else added
    result = combine(quantities, asked.unit, language)
    if result is None:
        return None
    key = asked.operation if not result.about else f"{asked.operation}_about"
    return worded[key].format(value=result.text), None, None


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
