"""Risk against coverage, and calibration, of answers with a confidence.

The area under the risk-coverage curve is the mean share of wrong answers among the surest, over all coverages (El-Yaniv
and Wiener 2010, "On the foundations of noise-free selective classification"). The calibration error is the expected one
in ten bins of like confidence (Guo et al. 2017, arXiv:1706.04599).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

BINS = 10

Floats = npt.NDArray[np.float64]
Answered = tuple[float, bool]
"""The confidence of an answer, and whether it is right."""


def figures_of(answers: Sequence[Answered]) -> dict[str, float]:
    sure = np.array([one for one, _ in answers], dtype=np.float64)
    wrong = np.array([not right for _, right in answers], dtype=np.float64)
    return {
        "answers": len(answers),
        "right": round(1 - float(wrong.mean()), 3),
        "area under risk-coverage": round(area(sure, wrong), 4),
        "area if confidence were perfect": round(area(-wrong, wrong), 4),
        "calibration error": round(calibration_error(sure, 1 - wrong), 4),
    }


def area(sure: Floats, wrong: Floats) -> float:
    """Mean over all coverages of the share of wrong answers among the surest; both of shape (answers,)."""
    ordered = wrong[np.argsort(-sure, kind="stable")]
    return float((np.cumsum(ordered) / np.arange(1, len(ordered) + 1)).mean())


def calibration_error(sure: Floats, right: Floats) -> float:
    """Expected calibration error in bins of like confidence; both of shape (answers,)."""
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return float(sum(abs(sure[bins == b].sum() - right[bins == b].sum()) for b in range(BINS)) / len(sure))
