"""Yes-or-no questions: the excerpt that decides, the words in it that do, and whether they say yes or no.

The reader judges every excerpt (`Verdict` in `qa/reader/base.py`): it says yes, no, or neither. How likely a judgement
is right is told by logistic regression over the reader's signals and how far the quotation bears out the question
(`qa/verification/grounding.py`), as it is for phrases; docs/answer-verification.md has its figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

from index.articles import Language
from index.retriever import Hit
from qa.citations import Located
from qa.composed import ComposedAnswer, Statement
from qa.composed_texts import texts
from qa.query.understanding import Understanding
from qa.reader.base import Reader
from qa.reader.extractive_qa import EARLY_STOP_PROBABILITY, located, logistic, read_batches
from qa.text_words import TextWords
from qa.verification.grounding import Grounder, surroundings

_QUOTES = " '\"”»’"
_SMALLEST = 1e-4
"""Probabilities are cut at this, so that their log-odds stay finite."""


@dataclass(frozen=True)
class VerdictSignals:
    """Signals of a judgement.

    `verdict`: log-odds that the excerpt says what it is taken to say, yes or no; `margin`: score of the deciding words
    over "not here", in logits; `evidence`: score of the excerpt's best sentence; `names_far`: share of the question's
    names that are not near the quotation, nor in the article.
    """

    verdict: float
    margin: float
    evidence: float
    names_far: float

    def values(self) -> tuple[float, ...]:
        """The signals, in the order of the fields."""
        return astuple(self)


VERDICT_WEIGHTS = VerdictSignals(verdict=0.474, margin=0.08, evidence=2.622, names_far=-0.223)
"""Fitted by `benchmarks/yes_no.py` on families that the reader was not trained on."""
VERDICT_BIAS = -2.336


@dataclass(frozen=True)
class Judgement:
    """Verdict of an excerpt, with the words in it that decide."""

    located: Located
    yes: bool
    signals: VerdictSignals

    @property
    def probability(self) -> float:
        """Probability in (0, 1) that the verdict is right."""
        weighed = zip(VERDICT_WEIGHTS.values(), self.signals.values(), strict=True)
        return logistic(VERDICT_BIAS + sum(weight * value for weight, value in weighed))


def answer_yes_no(
    question: str, asked: Understanding, hits: Sequence[Hit], reader: Reader, budget: int, language: Language
) -> ComposedAnswer | None:
    """Return yes or no with the sentence that says so; `None` if there is no excerpt at all."""
    read: list[Judgement] = []
    for judgements in judge(question, asked, hits, reader, budget):
        read += judgements
        if any(judgement.probability >= EARLY_STOP_PROBABILITY for judgement in judgements):
            break
    best = max(read, key=lambda judgement: judgement.probability, default=None)
    return _composed(best, language) if best else None


def judge(
    question: str, asked: Understanding, hits: Sequence[Hit], reader: Reader, budget: int
) -> Iterator[list[Judgement]]:
    """Yield the judgements of each batch of excerpts, likeliest first."""
    grounder = Grounder(asked)
    for excerpts_read in read_batches(reader, question, hits, budget):
        judgements = []
        for excerpt, output in excerpts_read:
            phrase = located(excerpt, output.spans[0].span) if output.spans else None
            # A question in an article decides nothing.
            if phrase is None or phrase.evidence.text.rstrip(_QUOTES).endswith(("?", "؟")):
                continue
            near = TextWords(phrase.evidence.text, *surroundings(excerpt.article, phrase.evidence.span))
            signals = VerdictSignals(
                verdict=_log_odds(max(output.verdict.yes, output.verdict.no)),
                margin=output.margin,
                evidence=excerpt.best.score,
                names_far=grounder.names_not_near(excerpt.article, near),
            )
            judgements.append(Judgement(phrase, output.verdict.yes > output.verdict.no, signals))
        yield judgements


def _composed(judgement: Judgement, language: Language) -> ComposedAnswer:
    evidence = judgement.located.evidence
    sentence = evidence.text if evidence.text[-1] in ".!…؟?" else f"{evidence.text}."
    wording = texts(language)["verdict"]["yes" if judgement.yes else "no"]
    statement = Statement(f"{wording} {sentence}", (Located(evidence, evidence.span),))
    return ComposedAnswer((statement,), judgement.probability, verdict=judgement.yes)


def _log_odds(probability: float) -> float:
    cut = min(max(probability, _SMALLEST), 1 - _SMALLEST)
    return math.log(cut / (1 - cut))
