"""Answer extraction: read excerpts of the retrieved passages until an answer is sure enough."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from index.articles import Span
from index.retriever import Hit
from index.text.folding import fold_text
from index.text.words import content_words, normalize_tokens
from qa.citations import Located
from qa.prompts import refusals
from qa.reader.base import Reader, ReaderOutput
from qa.reader.excerpts import Excerpt, excerpts

BUDGET = 600
"""Maximum tokens read for a question; the question counts once per excerpt."""
BATCH_TOKENS = 200
"""Tokens read before checking whether to stop early."""
EARLY_STOP_PROBABILITY = 0.7
"""Probability at which reading stops early: about a third fewer tokens for the same F1 (docs/reader.md)."""
ALTERNATIVE_RATIO = 0.8
"""Minimum ratio to the best probability for a second answer to be shown (docs/generation.md)."""
NEWEST_RATIO = 0.7
"""Minimum ratio to the best probability for an answer of a newer article to be taken instead."""
ITEM_RATIO = 0.5
"""Minimum ratio to the best probability for a further answer of a question that asks for several."""
MIN_ALTERNATIVE_PROBABILITY = 0.25
"""Minimum probability of a second answer."""
_OVERHEAD_TOKENS = 8
"""Tokens around question and excerpt."""
_JOINED_QUESTION_WORDS = "عمن عما ممن مما بمن لمن فيمن"
"""Words that ask, and answer nothing; those without a preposition are stop words."""
_CHOICE = re.compile(r"\b(?:or|أم|ام|أو|او)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Weights:
    """Logistic regression weights for `probability`."""

    margin: float
    evidence: float
    answerable: float
    bias: float


WEIGHTS = Weights(margin=0.345, evidence=4.983, answerable=-0.091, bias=-3.528)
"""Fitted by `benchmarks/verification.py`, as the verification is, but without what a quotation bears out."""


@dataclass(frozen=True)
class ReaderSignals:
    """Signals of a phrase: the span's score over the no-answer score and the second head's, both in logits, and the
    score of the excerpt's best sentence."""

    margin: float
    evidence: float
    answerable: float

    def values(self) -> tuple[float, ...]:
        """The signals, in the order of the fields."""
        return self.margin, self.evidence, self.answerable


Scorer = Callable[[ReaderSignals, Located], float]
"""Function that returns the probability in (0, 1) that a phrase is right."""


def reader_scorer(signals: ReaderSignals, located: Located) -> float:
    """Return the probability by the reader's signals alone."""
    return probability(signals.margin, signals.evidence, signals.answerable)


@dataclass(frozen=True)
class ExtractedAnswer:
    """Answer found by the reader, with the probability that it is right.

    `other` is what another sentence answers, where that is nearly as likely.
    """

    located: Located
    probability: float
    other: Located | None = None


def extract_answer(
    reader: Reader,
    question: str,
    hits: Sequence[Hit],
    budget: int = BUDGET,
    score: Scorer = reader_scorer,
    newest: bool = False,
    ranked_by: str = "",
) -> ExtractedAnswer | None:
    """Return the most probable answer over all excerpts that are read; `None` if there are none.

    Excerpts are ranked for `ranked_by`, the question by default. With `newest`, that of the newest article among those
    that are nearly as probable; then reading does not stop early.
    """
    stop_at = None if newest else EARLY_STOP_PROBABILITY
    answers = phrases(reader, question, hits, budget, score, ranked_by, stop_at)
    if not answers:
        return None
    best = max(answers, key=lambda answer: answer.probability)
    if newest:
        best = _newest(best, answers)
    return replace(best, other=_find_alternative(best, answers))


def phrases(
    reader: Reader,
    question: str,
    hits: Sequence[Hit],
    budget: int = BUDGET,
    score: Scorer = reader_scorer,
    ranked_by: str = "",
    stop_at: float | None = None,
) -> list[ExtractedAnswer]:
    """Return all phrases that may answer, in the order in which they are read.

    Excerpts are ranked for `ranked_by`, the question by default; reading stops when one is `stop_at` probable.
    """
    answers: list[ExtractedAnswer] = []
    question_words = _words_to_avoid(question)
    for excerpts_read in read_batches(reader, question, hits, budget, ranked_by):
        for excerpt, output in excerpts_read:
            answers += _answers(excerpt, _without_echoes(output, excerpt.text, question_words), score)
        if stop_at is not None and any(answer.probability >= stop_at for answer in answers):
            break
    return answers


def extract_all(
    reader: Reader,
    question: str,
    hits: Sequence[Hit],
    budget: int = BUDGET,
    score: Scorer = reader_scorer,
    newest: bool = False,
    ranked_by: str = "",
) -> list[ExtractedAnswer]:
    """Return the answers of a question that has several, each once, the most probable first.

    A phrase is one if it is at least `ITEM_RATIO` as probable as the best; nothing stops the reading early. Excerpts
    are ranked for `ranked_by`, the question by default. With `newest`, all are of one article, the newest of those with
    an answer nearly as probable as the best.
    """
    found: list[ExtractedAnswer] = []
    question_words = _words_to_avoid(question)
    for excerpts_read in read_batches(reader, question, hits, budget, ranked_by):
        for excerpt, output in excerpts_read:
            items = _without_echoes(replace(output, spans=output.items), excerpt.text, question_words)
            found += _answers(excerpt, items, score)
    found.sort(key=lambda answer: -answer.probability)
    if not found:
        return []
    least = ITEM_RATIO * found[0].probability
    article = _newest(found[0], found).located.evidence.article if newest else None
    by_text: dict[str, ExtractedAnswer] = {}
    for answer in found:
        if answer.probability >= least and article in (None, answer.located.evidence.article):
            by_text.setdefault(" ".join(normalize_tokens(answer.located.text)), answer)
    return list(by_text.values())


def _words_to_avoid(question: str) -> frozenset[str]:
    """Return the words that an answer may not consist of: the question's, unless it offers a choice."""
    return frozenset() if _CHOICE.search(question) else content_words(question)


def _answers(excerpt: Excerpt, reading: ReaderOutput, score: Scorer) -> Iterator[ExtractedAnswer]:
    for scored in reading.spans:
        phrase = located(excerpt, scored.span)
        signals = ReaderSignals(scored.score - reading.no_answer_score, excerpt.best.score, reading.answerable)
        yield ExtractedAnswer(phrase, score(signals, phrase))


def _newest(best: ExtractedAnswer, answers: Sequence[ExtractedAnswer]) -> ExtractedAnswer:
    """Return the answer of the newest article among those nearly as probable as the best, that article's best."""
    near = [answer for answer in answers if answer.probability >= NEWEST_RATIO * best.probability]
    return max(near, key=lambda answer: (answer.located.evidence.article.date or "", answer.probability))


def _find_alternative(best: ExtractedAnswer, answers: Sequence[ExtractedAnswer]) -> Located | None:
    """Return the most probable answer from another sentence, if it is nearly as probable."""
    min_probability = max(ALTERNATIVE_RATIO * best.probability, MIN_ALTERNATIVE_PROBABILITY)
    elsewhere = (answer for answer in answers if not answer.located.same_sentence(best.located))
    alternative = max(
        (a for a in elsewhere if a.probability >= min_probability), key=lambda a: a.probability, default=None
    )
    return alternative.located if alternative else None


def probability(margin: float, evidence: float, answerable: float, weights: Weights = WEIGHTS) -> float:
    """Probability in (0, 1) that an answer is right.

    `margin` is the span's score over the no-answer score and `answerable` the second head's, both in logits; `evidence`
    is the score of the excerpt's best sentence.
    """
    return logistic(
        weights.margin * margin + weights.evidence * evidence + weights.answerable * answerable + weights.bias
    )


def logistic(log_odds: float) -> float:
    """Probability in (0, 1) of log-odds, which are cut at ±50."""
    return 1 / (1 + math.exp(-max(min(log_odds, 50.0), -50.0)))


def read_batches(
    reader: Reader, question: str, hits: Sequence[Hit], budget: int, ranked_by: str = ""
) -> Iterator[list[tuple[Excerpt, ReaderOutput]]]:
    """Yield the excerpts within the budget with the reader's output for each, a batch at a time, likeliest first."""
    for batch in token_batches(reader, question, hits, budget, ranked_by):
        yield list(zip(batch, reader.read(question, [excerpt.context for excerpt in batch]), strict=True))


def token_batches(
    reader: Reader, question: str, hits: Sequence[Hit], budget: int, ranked_by: str = ""
) -> Iterator[list[Excerpt]]:
    """Yield excerpts within the budget, likeliest first, in batches of about `BATCH_TOKENS` tokens; at least one.

    They are ranked for `ranked_by`, the question by default.
    """
    question_cost = reader.count_tokens(question) + _OVERHEAD_TOKENS
    batch: list[Excerpt] = []
    spent = batch_cost = 0
    for excerpt in excerpts(ranked_by or question, hits, reader.count_tokens):
        cost = reader.count_tokens(excerpt.text) + question_cost
        if spent and spent + cost > budget:
            break
        if batch and batch_cost + cost > BATCH_TOKENS:
            yield batch
            batch, batch_cost = [], 0
        batch.append(excerpt)
        spent, batch_cost = spent + cost, batch_cost + cost
    if batch:
        yield batch


def _without_echoes(reading: ReaderOutput, text: str, question_words: frozenset[str]) -> ReaderOutput:
    """Drop spans that only repeat words of the question, that only ask, or that are an LLM's words for declining."""
    known = question_words | content_words(_JOINED_QUESTION_WORDS)

    def may_answer(phrase: str) -> bool:
        return bool(content_words(phrase) - known) and fold_text(phrase) not in refusals()

    spans = (scored for scored in reading.spans if may_answer(text[scored.span.start : scored.span.end]))
    return replace(reading, spans=tuple(spans))


def located(excerpt: Excerpt, span: Span) -> Located:
    """Locate a span, counted in an excerpt, in its article, with its sentences as the quotation."""
    start = excerpt.span.start
    article_span = Span(start + span.start, start + span.end)
    inside = [sentence for sentence in excerpt.sentences if sentence.overlaps(article_span)]
    quoted = Span(min(inside[0].start, article_span.start), max(inside[-1].end, article_span.end))
    text = " ".join(excerpt.best.cut(quoted).split())
    return Located(replace(excerpt.best, span=quoted, text=text), article_span)
