"""Verification of the reader's phrases: how likely each is right, by the reader and by what its quotation bears out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qa.citations import Located
from qa.query.understanding import Understanding
from qa.reader.extractive_qa import ReaderSignals, Scorer, logistic
from qa.verification.grounding import Grounder, Grounding

VerifierOf = Callable[[Understanding], Scorer]
"""Function that makes the scorer of the phrases that may answer a question."""


@dataclass(frozen=True)
class VerificationWeights:
    """Weights of a logistic regression: of the reader's signals, of the grounding's, and the bias."""

    reader: ReaderSignals
    grounding: Grounding
    bias: float


class Verifier:
    """Scores the phrases that may answer one question; a `Scorer` of `qa/reader/extractive_qa.py`."""

    def __init__(self, asked: Understanding, weights: VerificationWeights | None = None) -> None:
        self._grounder = Grounder(asked)
        self._weights = weights or VERIFICATION_WEIGHTS

    def __call__(self, signals: ReaderSignals, located: Located) -> float:
        grounding = self._grounder.ground(located)
        total = self._weights.bias + sum(
            weight * value
            for weight, value in zip(
                (*self._weights.reader.values(), *self._weights.grounding.values()),
                (*signals.values(), *grounding.values()),
                strict=True,
            )
        )
        return logistic(total)


VERIFICATION_WEIGHTS = VerificationWeights(
    reader=ReaderSignals(margin=0.337, evidence=4.787, answerable=-0.09),
    grounding=Grounding(names_absent=-2.2, numbers_absent=-4.282),
    bias=-3.338,
)
"""Fitted by `benchmarks/verification.py` on families and articles that the reader was not trained on. Names that the
article lacks weigh more than was fitted, for they were few: it costs no right answer."""
