"""Calibration of `confidence`: reliability with its expected calibration error, and risk against coverage.

Both are computed from answered questions only. A declined question has no phrase that could be right or wrong, so there
are no figures below the threshold in use.
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
    """An answer with its confidence in [0, 1], and whether it is right."""

    confidence: float
    right: bool


@dataclass(frozen=True)
class Bin:
    """A bin of `count` answers of similar confidence: their mean confidence and the share of them that is right."""

    count: int
    confidence: float
    right: float


@dataclass(frozen=True)
class RiskCoveragePoint:
    """For one threshold: the share of all questions that is answered, and the share of the answers that is wrong."""

    threshold: float
    answered: float
    wrong: float


def score_answers(questions: Sequence[Question], records: Mapping[str, Record]) -> list[ScoredAnswer]:
    """Return the answers that can be judged; `records` is by question id."""
    scored = []
    for question in questions:
        record = records.get(question["id"])
        right = is_right(question, record) if record else None
        if record and right is not None:
            scored.append(ScoredAnswer(record["confidence"], right))
    return scored


def reliability(scored: Sequence[ScoredAnswer], bins: int = BINS) -> list[Bin]:
    """Group answers into `bins` of equal width; empty ones are omitted."""

    def position(answer: ScoredAnswer) -> int:
        return min(int(answer.confidence * bins), bins - 1)

    reliability_bins = []
    for _, group in groupby(sorted(scored, key=position), position):
        answers = list(group)
        count = len(answers)
        reliability_bins.append(
            Bin(count, sum(a.confidence for a in answers) / count, sum(a.right for a in answers) / count)
        )
    return reliability_bins


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """ECE (Naeini et al. 2015): the difference between confidence and share right, averaged over answers.

    `None` if there are no answers.
    """
    total = sum(bin.count for bin in bins)
    return sum(bin.count * abs(bin.confidence - bin.right) for bin in bins) / total if total else None


def tradeoffs(scored: Sequence[ScoredAnswer], questions: int) -> list[RiskCoveragePoint]:
    """Risk against coverage (El-Yaniv and Wiener 2010), for every distinct threshold, highest first.

    `questions` is the number of questions asked, answered or not.
    """
    points = []
    answered = wrong = 0
    by_confidence = sorted(scored, key=lambda answer: -answer.confidence)
    for threshold, group in groupby(by_confidence, lambda answer: answer.confidence):
        for answer in group:
            answered += 1
            wrong += not answer.right
        points.append(RiskCoveragePoint(threshold, answered / questions, wrong / answered))
    return points
