"""From what search found to the phrase that answers: excerpts are read until one answers surely enough."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from index.articles import Span
from index.search import Hit
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
_BESIDE_QUESTION = 8
"""Tokens around question and excerpt."""
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
    """The best answer that the reader found, and how likely it is that the articles answer with it."""

    located: Located
    probability: float


def best_answer(
    reader: Reader, question: str, hits: Sequence[Hit], budget: int = BUDGET, weights: Weights = WEIGHTS
) -> ReadAnswer | None:
    """The likeliest answer over all excerpts that are read; `None` where there is nothing to read."""
    best: ReadAnswer | None = None
    # Where a choice is offered, the answer stands in the question.
    asked: frozenset[str] = frozenset() if _CHOICE.search(question) else content_words(question)
    for part in rounds(reader, question, hits, budget):
        for excerpt, read in zip(part, reader.read(question, [one.text for one in part]), strict=True):
            reading = _without_echoes(read, excerpt.text, asked)
            if not reading.spans:
                continue
            likely = probability(reading.margin, excerpt.best.score, weights)
            if best is None or likely > best.probability:
                best = ReadAnswer(located(excerpt, reading.spans[0].span), likely)
        if best and best.probability >= SURE:
            break
    return best


def probability(margin: float, evidence: float, weights: Weights = WEIGHTS) -> float:
    """How likely an answer with this margin (logits), in an excerpt with this worth, is one; in (0, 1)."""
    total = weights.margin * margin + weights.evidence * evidence + weights.bias
    return 1 / (1 + math.exp(-max(min(total, 50.0), -50.0)))


def rounds(reader: Reader, question: str, hits: Sequence[Hit], budget: int) -> Iterator[list[Excerpt]]:
    """Excerpts within the budget, likeliest first, in parts of about `ROUND` tokens; at least one excerpt."""
    asked = reader.count_tokens(question) + _BESIDE_QUESTION
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
