"""Risk against coverage, and calibration, over a mixture of questions that the articles answer and do not.

    python -m benchmarks.risk WORK_FOLDER

WORK_FOLDER has what `benchmarks/reader.py` read and `benchmarks/not_here.py` answered end to end. An answer is right
with an F1 of .5 or more; every answer to a question that the articles do not answer is wrong. Figures: the area under
the risk-coverage curve (the mean share of wrong answers among the surest, over all coverages; El-Yaniv and Wiener
2010), the same area if the confidence were perfect, and the expected calibration error in ten bins. Saved under
benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.kept import ABSTAIN, RIGHT, scores
from benchmarks.reader import read_until
from qa.reading.answering import BUDGET, SURE, WEIGHTS, Weights, probability
from qa.training.course import SETS

RESULTS = Path("benchmarks/results/risk.json")
BINS = 10

Answered = tuple[float, bool]
"""The confidence of an answer, and whether it is right."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    parts = {name: of_reader(given.work, name, WEIGHTS) for name in (*SETS, *ABSTAIN)}
    for name, sure, right in json.loads((given.work / "not-here-answers.json").read_text()):
        parts.setdefault(name, []).append((sure, right))
    everything = [answer for part in parts.values() for answer in part]
    figures = {"all": figures_of(everything), **{name: figures_of(part) for name, part in parts.items()}}
    given.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def of_reader(work: Path, name: str, weights: Weights) -> list[Answered]:
    """The likeliest answer to each question of a set, as the program reads: until it is sure, within its budget."""
    rows = json.loads((work / f"{name.replace('/', '-')}.json").read_text())
    ended = [(row, read_until(row, BUDGET, weights, SURE)[0]) for row in rows]
    return [
        (
            probability(one["margin"], one["evidence"], weights),
            scores(row["question"], one["text"])[0] >= RIGHT,
        )
        for row, one in ended
    ]


def figures_of(answers: Sequence[Answered]) -> dict[str, float]:
    sure = np.array([one for one, _ in answers])
    wrong = np.array([not right for _, right in answers], dtype=float)
    return {
        "answers": len(answers),
        "right": round(1 - float(wrong.mean()), 3),
        "area under risk-coverage": round(area(sure, wrong), 4),
        "area if confidence were perfect": round(area(-wrong, wrong), 4),
        "calibration error": round(calibration_error(sure, 1 - wrong), 4),
    }


def area(sure: np.ndarray, wrong: np.ndarray) -> float:
    """Mean over all coverages of the share of wrong answers among the surest; both of shape (answers,)."""
    ordered = wrong[np.argsort(-sure, kind="stable")]
    return float((np.cumsum(ordered) / np.arange(1, len(ordered) + 1)).mean())


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error in bins of like confidence; both of shape (answers,)."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return float(sum(abs(sure[bins == b].sum() - right[bins == b].sum()) for b in range(BINS)) / len(sure))


if __name__ == "__main__":
    main()
