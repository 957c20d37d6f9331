"""Answer extraction: read excerpts of the retrieved passages until an answer is sure enough."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from index.articles import Span
from index.retriever import Hit
from index.text.words import content_words
from qa.citations import Located
from qa.reading.excerpts import Excerpt, excerpts
from qa.reading.reader import Reader, Reading

BUDGET = 500
"""Maximum tokens read for a question; the question counts once per excerpt."""
ROUND = 200
"""Tokens read before checking whether to stop early."""
SURE = 0.7
"""Probability at which reading stops early: about a third fewer tokens for the same F1 (docs/reader.md)."""
NEARLY = 0.8
"""Minimum ratio to the best probability for a second answer to be shown (docs/generation.md)."""
LIKELY_ENOUGH = 0.25
"""Minimum probability of a second answer."""
_AROUND = 8
"""Tokens around question and excerpt."""
_CHOICE = re.compile(r"\b(?:or|أم|ام|أو|او)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Weights:
    """Logistic regression weights for `probability`."""

    margin: float
    evidence: float
    answerable: float
    bias: float


WEIGHTS = Weights(margin=0.217, evidence=2.075, answerable=0.0, bias=-1.908)
"""Fitted by `benchmarks/reader.py` on articles that the reader was not trained on; docs/reader.md has the figures."""


@dataclass(frozen=True)
class ReadAnswer:
    """Answer found by the reader, with the probability that it is right.

    `other` is what another sentence answers, where that is nearly as likely.
    """

    located: Located
    probability: float
    other: Located | None = None


def best_answer(
    reader: Reader, question: str, hits: Sequence[Hit], budget: int = BUDGET, weights: Weights = WEIGHTS
) -> ReadAnswer | None:
    """Return the most probable answer over all excerpts that are read; `None` if there are none."""
    found: list[ReadAnswer] = []
    # Where a choice is offered, the answer stands in the question.
    asked: frozenset[str] = frozenset() if _CHOICE.search(question) else content_words(question)
    for part in rounds(reader, question, hits, budget):
        for excerpt, read in zip(part, reader.read(question, [one.context for one in part]), strict=True):
            found += _answers(excerpt, _without_echoes(read, excerpt.text, asked), weights)
        if any(answer.probability >= SURE for answer in found):
            break
    if not found:
        return None
    best = max(found, key=lambda answer: answer.probability)
    return replace(best, other=_other(best, found))


def _answers(excerpt: Excerpt, reading: Reading, weights: Weights) -> Iterator[ReadAnswer]:
    for scored in reading.spans:
        likely = probability(scored.score - reading.none, excerpt.best.score, reading.answerable, weights)
        yield ReadAnswer(located(excerpt, scored.span), likely)


def _other(best: ReadAnswer, found: Sequence[ReadAnswer]) -> Located | None:
    """Return the most probable answer from another sentence, if it is nearly as probable."""
    least = max(NEARLY * best.probability, LIKELY_ENOUGH)
    elsewhere = (answer for answer in found if not answer.located.same_sentence(best.located))
    other = max((a for a in elsewhere if a.probability >= least), key=lambda a: a.probability, default=None)
    return other.located if other else None


def probability(margin: float, evidence: float, answerable: float, weights: Weights = WEIGHTS) -> float:
    """Probability in (0, 1) that an answer is right.

    `margin` is the span's score over the no-answer score and `answerable` the second head's, both in logits; `evidence`
    is the score of the excerpt's best sentence.
    """
    total = weights.margin * margin + weights.evidence * evidence + weights.answerable * answerable + weights.bias
    return 1 / (1 + math.exp(-max(min(total, 50.0), -50.0)))


def rounds(reader: Reader, question: str, hits: Sequence[Hit], budget: int) -> Iterator[list[Excerpt]]:
    """Yield excerpts within the budget, likeliest first, in batches of about `ROUND` tokens; at least one excerpt."""
    asked = reader.count_tokens(question) + _AROUND
    part: list[Excerpt] = []
    spent = waiting = 0
    for excerpt in excerpts(question, hits, reader.count_tokens):
        cost = reader.count_tokens(excerpt.text) + asked
        if spent and spent + cost > budget:
            break
        if part and waiting + cost > ROUND:
            yield part
            part, waiting = [], 0
        part.append(excerpt)
        spent, waiting = spent + cost, waiting + cost
    if part:
        yield part


def _without_echoes(reading: Reading, text: str, asked: frozenset[str]) -> Reading:
    """Drop spans that only repeat words of the question."""
    spans = (scored for scored in reading.spans if content_words(text[scored.span.start : scored.span.end]) - asked)
    return replace(reading, spans=tuple(spans))


def located(excerpt: Excerpt, found: Span) -> Located:
    """Locate a span, counted in an excerpt, in its article, with its sentences as the quotation."""
    start = excerpt.span.start
    span = Span(start + found.start, start + found.end)
    inside = [sentence for sentence in excerpt.sentences if sentence.overlaps(span)]
    quoted = Span(min(inside[0].start, span.start), max(inside[-1].end, span.end))
    text = " ".join(excerpt.article.text[quoted.start : quoted.end].split())
    return Located(replace(excerpt.best, span=quoted, text=text), span)
