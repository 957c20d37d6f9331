"""Yes-or-no questions: the excerpt that decides, the words in it that do, and whether they say yes or no.

The reader judges every excerpt (`Verdict` in `qa/reader/base.py`): it says yes, no, or neither. How likely a judgement
is right is told by logistic regression over the reader's signals and how far the quotation bears out the question
(`qa/verification/grounding.py`), as it is for phrases; docs/answer-verification.md has its figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.articles import Language
from index.retriever import Hit
from qa.citations import Located
from qa.composed import ComposedAnswer, Statement
from qa.composed_texts import texts
from qa.query.understanding import Understanding
from qa.reader.base import Reader
from qa.reader.extractive_qa import EARLY_STOP_PROBABILITY, located, logistic, token_batches
from qa.verification.grounding import Grounder

_SMALLEST = 1e-4
"""Probabilities are cut at this, so that their log-odds stay finite."""


@dataclass(frozen=True)
class VerdictSignals:
    """Signals of a judgement.

    `decided`: log-odds that the excerpt says yes or no at all; `clear`: log-odds of the verdict against its opposite;
    `margin`: score of the deciding words over "not here", in logits; `evidence`: score of the excerpt's best sentence;
    `names_absent`, `numbers_absent`: shares of the question's that the article and the quotation lack.
    """

    decided: float
    clear: float
    margin: float
    evidence: float
    names_absent: float
    numbers_absent: float

    def values(self) -> tuple[float, ...]:
        """The signals, in the order of the fields."""
        return (self.decided, self.clear, self.margin, self.evidence, self.names_absent, self.numbers_absent)


VERDICT_WEIGHTS = VerdictSignals(
    decided=0.5, clear=0.3, margin=0.05, evidence=2.0, names_absent=-2.2, numbers_absent=-2.0
)
"""Fitted by `benchmarks/yes_no.py` on families that the reader was not trained on."""
VERDICT_BIAS = -2.0


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
    for judgements in judged(question, asked, hits, reader, budget):
        read += judgements
        if any(judgement.probability >= EARLY_STOP_PROBABILITY for judgement in judgements):
            break
    best = max(read, key=lambda judgement: judgement.probability, default=None)
    return _composed(best, language) if best else None


def judged(
    question: str, asked: Understanding, hits: Sequence[Hit], reader: Reader, budget: int
) -> Iterator[list[Judgement]]:
    """Yield the judgements of each batch of excerpts, likeliest first."""
    grounder = Grounder(asked)
    for batch in token_batches(reader, question, hits, budget):
        outputs = reader.read(question, [excerpt.context for excerpt in batch])
        judgements = []
        for excerpt, output in zip(batch, outputs, strict=True):
            if not output.spans:
                continue
            phrase = located(excerpt, output.spans[0].span)
            grounding = grounder.ground(phrase)
            verdict = output.verdict
            signals = VerdictSignals(
                decided=_log_odds(verdict.yes + verdict.no),
                clear=abs(math.log(max(verdict.yes, _SMALLEST) / max(verdict.no, _SMALLEST))),
                margin=output.margin,
                evidence=excerpt.best.score,
                names_absent=grounding.names_absent,
                numbers_absent=grounding.numbers_absent,
            )
            judgements.append(Judgement(phrase, verdict.yes > verdict.no, signals))
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
