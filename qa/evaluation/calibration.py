"""How far `confidence` can be trusted: reliability with its expected calibration error, and risk against coverage.

Both look at the answers that were given. What was declined has no phrase that could be right or wrong, so nothing can
be said below the threshold in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from qa.evaluation.error_analysis import is_right
from qa.evaluation.metrics import Question, Record

BINS = 10


@dataclass(frozen=True)
class ScoredAnswer:
    """An answer that was given: its confidence in [0, 1], and whether it is right."""

    confidence: float
    right: bool


@dataclass(frozen=True)
class Bin:
    """The `count` answers of like confidence: their mean confidence and the share of them that is right."""

    count: int
    confidence: float
    right: float


@dataclass(frozen=True)
class RiskCoveragePoint:
    """With this threshold: the share of all questions that is answered, and the share of the answers that is wrong."""

    threshold: float
    answered: float
    wrong: float


def score_answers(questions: Sequence[Question], records: Mapping[str, Record]) -> list[ScoredAnswer]:
    """The answers that can be judged; records by question id."""
    judged = []
    for question in questions:
        record = records.get(question["id"])
        right = is_right(question, record) if record else None
        if record and right is not None:
            judged.append(ScoredAnswer(record["confidence"], right))
    return judged


def reliability(judged: Sequence[ScoredAnswer], bins: int = BINS) -> list[Bin]:
    """Answers in `bins` of equal width, the empty ones left out."""

    def position(answer: ScoredAnswer) -> int:
        return min(int(answer.confidence * bins), bins - 1)

    found = []
    for _, group in groupby(sorted(judged, key=position), position):
        answers = list(group)
        count = len(answers)
        found.append(Bin(count, sum(a.confidence for a in answers) / count, sum(a.right for a in answers) / count))
    return found


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """ECE (Naeini et al. 2015): how far confidence and share right are apart, the mean over answers.

    `None` where there are none.
    """
    total = sum(bin.count for bin in bins)
    return sum(bin.count * abs(bin.confidence - bin.right) for bin in bins) / total if total else None


def tradeoffs(judged: Sequence[ScoredAnswer], questions: int) -> list[RiskCoveragePoint]:
    """Risk against coverage (El-Yaniv and Wiener 2010), for every threshold that makes a difference, highest first.

    `questions` is how many were asked, whether they were answered or not.
    """
    found = []
    answered = wrong = 0
    by_confidence = sorted(judged, key=lambda answer: -answer.confidence)
    for threshold, group in groupby(by_confidence, lambda answer: answer.confidence):
        for answer in group:
            answered += 1
            wrong += not answer.right
        found.append(RiskCoveragePoint(threshold, answered / questions, wrong / answered))
    return found
