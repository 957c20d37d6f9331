"""Values to compare: the reader finds each by itself, and tells of unnamed things whose it is.

The reader has learnt the sub-questions (`sub_questions.py`), and with them whose a value is: of articles that are alike
it takes the one that the thing is in.
"""

from __future__ import annotations

import datetime
import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from index.articles import Span
from index.retriever import Hit
from index.text.folding import fold_text
from qa.citations import Located
from qa.comparison.quantities import Quantity, quantities
from qa.comparison.sub_questions import owner_question, value_question
from qa.comparison.written_times import YEAR, year_of
from qa.query.comparison_question import ComparisonQuestion
from qa.reader.base import Reader
from qa.reader.extractive_qa import ExtractedAnswer, ReaderSignals, extract_all, extract_answer, logistic, phrases
from qa.units import NONE

Search = Callable[[str, int], list[Hit]]
"""Returns so many of the best passages for a question."""

MAX_ARTICLES = 6
"""Articles that are read where no thing is named."""
MAX_UNNAMED = 5
"""Values whose owners are looked for."""
_HITS = 8
_MANY_HITS = 30
_MAX_CANDIDATES = 4
_BUDGET = 450
"""Tokens that are read for a thing."""
_OWNER_BUDGET = 250
_FOUR_DIGITS = re.compile(r"\d{4}")
VALUE_WEIGHT, VALUE_BIAS = 0.281, -1.008
"""Of the reader's margin, fitted on 299 things of families that it did not learn from; its other signals and what the
quotation bears out add nothing (benchmarks/values.py)."""


@dataclass(frozen=True)
class FoundValue:
    """A thing's value: `readings` are the quantities that its phrase may mean, `name` is where its thing is named."""

    thing: str
    value: Located
    readings: tuple[Quantity, ...]
    probability: float
    name: Located | None = None

    @property
    def text(self) -> str:
        """The value word for word, on one line."""
        return " ".join(self.value.text.split())

    @property
    def quotations(self) -> tuple[Located, ...]:
        """The sentences of value and name, that of the value first."""
        if self.name is None or self.name.same_sentence(self.value):
            return (self.value,)
        return self.value, self.name


def value_scorer(signals: ReaderSignals, located: Located) -> float:
    """Return the probability in (0, 1) that a phrase is the value that a sub-question asks for."""
    return logistic(VALUE_WEIGHT * signals.margin + VALUE_BIAS)


class ValueFinder:
    """Finds the values that one question compares, among passages of `search`."""

    def __init__(
        self,
        asked: ComparisonQuestion,
        search: Search,
        reader: Reader,
    ) -> None:
        self._asked = asked
        self._search = search
        self._reader = reader

    def named(self) -> list[FoundValue]:
        """Return the value of each thing that the question names, in order; an empty list unless all are found.

        No phrase is the value of two things: the likeliest choice of different ones is taken.
        """
        candidates = [self.candidates(thing) for thing in self._asked.things]
        choices = (choice for choice in itertools.product(*candidates) if _are_different(choice))
        return list(max(choices, key=lambda choice: math.prod(value.probability for value in choice), default=()))

    def candidates(self, thing: str) -> list[FoundValue]:
        """Return the likeliest phrases that may be the value of a thing, each with a quantity."""
        about = self._asked.about(thing)
        hits = self._search(about, _HITS)
        answers = phrases(
            self._reader,
            value_question(self._asked.question, thing),
            hits,
            _BUDGET,
            value_scorer,
            ranked_by=about,
        )
        found = (FoundValue(thing, a.located, readings_of(a.located), a.probability) for a in answers)
        return sorted((value for value in found if value.readings), key=lambda v: -v.probability)[:_MAX_CANDIDATES]

    def unnamed(self) -> list[FoundValue]:
        """Return the values of things that the question does not name, each with its name, the likeliest first."""
        asked = self._asked.question
        hits = self._best_of_articles()
        answers = extract_all(self._reader, value_question(asked), hits, _BUDGET * 2, value_scorer, ranked_by=asked)
        found: dict[str, FoundValue] = {}
        for answer in answers[:MAX_UNNAMED]:
            value = self._with_owner(answer, hits) if readings_of(answer.located) else None
            if value and fold_text(value.thing) not in found:
                found[fold_text(value.thing)] = value
        return list(found.values())

    def _with_owner(self, answer: ExtractedAnswer, hits: Sequence[Hit]) -> FoundValue | None:
        article = answer.located.evidence.article
        asked = owner_question(self._asked.question, answer.located.text)
        own = [hit for hit in hits if hit.article.id == article.id]
        # The title, which often says whose it is, is read where it shares words with what excerpts are ranked by.
        near = f"{article.title} {answer.located.evidence.text}"
        owner = extract_answer(self._reader, asked, own, _OWNER_BUDGET, value_scorer, ranked_by=near)
        if owner is None:
            return None
        name = " ".join(owner.located.text.split())
        return FoundValue(
            name, answer.located, readings_of(answer.located), answer.probability * owner.probability, owner.located
        )

    def _best_of_articles(self) -> list[Hit]:
        """Return the best passage of each of the articles that may have a value, without copies."""
        best: dict[str, Hit] = {}
        texts: set[str] = set()
        for hit in self._search(self._asked.question, _MANY_HITS):
            if hit.article.id not in best and hit.passage.text not in texts:
                best[hit.article.id] = hit
                texts.add(hit.passage.text)
        return list(best.values())[:MAX_ARTICLES]


def _are_different(values: Sequence[FoundValue]) -> bool:
    places = [(value.value.evidence.article.id, value.value.span) for value in values]
    return not any(one[0] == other[0] and one[1].overlaps(other[1]) for one, other in itertools.combinations(places, 2))


def readings_of(located: Located) -> tuple[Quantity, ...]:
    """Return the quantities that a phrase may mean; offsets count in its sentence. A bare year is a number, too."""
    evidence = located.evidence
    start = evidence.span.start
    phrase = Span(located.span.start - start, located.span.end - start)
    published = datetime.date.fromisoformat(evidence.article.date) if evidence.article.date else None
    inside = [q for q in quantities(evidence.cut(evidence.span), published) if Span(q.start, q.end).overlaps(phrase)]
    inside_sentence = bool(inside)
    if not inside:
        # In "from £12 to £15" neither is taken for a quantity of the sentence, and yet one may be asked for.
        inside = quantities(located.text, published)
    text = evidence.cut(evidence.span) if inside_sentence else located.text
    return tuple(reading for quantity in inside for reading in _both(quantity, text))


def _both(quantity: Quantity, text: str) -> Iterator[Quantity]:
    """Yield a quantity, after the year that it may be: four digits without a separator that count nothing."""
    is_bare = (
        quantity.unit == NONE and not quantity.noun and _FOUR_DIGITS.fullmatch(text[quantity.start : quantity.end])
    )
    if year := year_of(quantity.low) if is_bare else None:
        yield replace(quantity, unit=YEAR, low=year[0], high=year[1])
    yield quantity
