"""From what search found to the phrase that answers: excerpts are read until one answers surely enough."""

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
"""Most tokens that are read of a question's excerpts, the question before each of them counted."""
ROUND = 200
"""Tokens that are read before it is asked whether that is enough."""
SURE = 0.7
"""The probability at which no more is read: it halves the tokens and costs nothing (docs/reader.md)."""
NEARLY = 0.8
"""The share of the best answer's probability from which another sentence's is told too (docs/answers.md)."""
LIKELY_ENOUGH = 0.25
"""The least probability of an answer that is told beside a better one."""
_AROUND = 14
"""Tokens around question, title, date and excerpt."""
_CHOICE = re.compile(r"\b(?:or|أم|ام|أو|او)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Weights:
    """Of the reader's margin and of the excerpt's worth as evidence, and the bias: see `probability`."""

    margin: float
    evidence: float
    bias: float


WEIGHTS = Weights(margin=0.217, evidence=2.075, bias=-1.908)
"""Fitted by `benchmarks/reader.py` on articles that the reader was not trained on; docs/reader.md has the figures."""


@dataclass(frozen=True)
class ReadAnswer:
    """An answer that the reader found, and how likely it is that the articles answer with it.

    `other` is what another sentence answers, where that is nearly as likely.
    """

    located: Located
    probability: float
    other: Located | None = None


def best_answer(
    reader: Reader, question: str, hits: Sequence[Hit], budget: int = BUDGET, weights: Weights = WEIGHTS
) -> ReadAnswer | None:
    """The likeliest answer over all excerpts that are read; `None` where there is nothing to read."""
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
        likely = probability(scored.score - reading.none, excerpt.best.score, weights)
        yield ReadAnswer(located(excerpt, scored.span), likely)


def _other(best: ReadAnswer, found: Sequence[ReadAnswer]) -> Located | None:
    """The likeliest answer in another sentence than the best one's, if it is nearly as likely."""
    least = max(NEARLY * best.probability, LIKELY_ENOUGH)
    elsewhere = (answer for answer in found if not answer.located.same_sentence(best.located))
    other = max((a for a in elsewhere if a.probability >= least), key=lambda a: a.probability, default=None)
    return other.located if other else None


def probability(margin: float, evidence: float, weights: Weights = WEIGHTS) -> float:
    """How likely an answer with this margin (logits), in an excerpt with this worth, is one; in (0, 1)."""
    total = weights.margin * margin + weights.evidence * evidence + weights.bias
    return 1 / (1 + math.exp(-max(min(total, 50.0), -50.0)))


def rounds(reader: Reader, question: str, hits: Sequence[Hit], budget: int) -> Iterator[list[Excerpt]]:
    """Excerpts within the budget, likeliest first, in parts of about `ROUND` tokens; at least one excerpt."""
    asked = reader.count_tokens(question) + _AROUND
    part: list[Excerpt] = []
    spent = waiting = 0
    for excerpt in excerpts(question, hits, reader.count_tokens):
        cost = excerpt.cost(reader.count_tokens) + asked
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
    """What says more than the question: who repeats it, as an article may that commands, has not answered."""
    spans = (scored for scored in reading.spans if content_words(text[scored.span.start : scored.span.end]) - asked)
    return replace(reading, spans=tuple(spans))


def located(excerpt: Excerpt, found: Span) -> Located:
    """What was found in an excerpt, whose text `found` counts in, with the sentences that it stands in as evidence."""
    start = excerpt.span.start
    span = Span(start + found.start, start + found.end)
    inside = [sentence for sentence in excerpt.sentences if sentence.overlaps(span)]
    quoted = Span(min(inside[0].start, span.start), max(inside[-1].end, span.end))
    text = " ".join(excerpt.article.text[quoted.start : quoted.end].split())
    return Located(replace(excerpt.best, span=quoted, text=text), span)
