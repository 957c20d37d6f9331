"""Weights of the verdicts on yes-or-no questions: fitted on families that the reader was not trained on.

    python -m benchmarks.yes_no [--work FOLDER] [--again]

Every judgement of an excerpt is recorded with its signals (`qa/yes_no.py`). Logistic regression tells how likely one is
right: it says yes or no as the family does, and quotes the words that decide; one of a question that no article
decides is wrong. It is fitted to the judgements that it chooses itself, in a few rounds. Reported are
figures of questions that the weights were not fitted on; saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from benchmarks.risk import figures_of
from benchmarks.traps import SURE, fitting_families, holds, open_over
from index.runtime.cpu import cpu_name
from qa.components import Components
from qa.query.understanding import understand
from qa.yes_no import VerdictSignals, judge

RESULTS = Path("benchmarks/results/yes_no.json")
SIGNALS = [field.name for field in fields(VerdictSignals)]
FOLDS = 6
ROUNDS = 4
START = (0.7, 0.05, 4.0, -1.5)
THRESHOLDS = (0.25, 0.3, 0.35, 0.4, 0.5)
BUDGET = 500

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "verification")
    parser.add_argument("--again", action="store_true", help="fit again from what an earlier run has read")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    read = given.work / "yes-no.json"
    if not given.again or not read.is_file():
        read.write_text(json.dumps(list(read_questions(given.work))))
    rows = json.loads(read.read_text())
    weights, bias = fit(rows)
    figures = {
        "cpu": cpu_name(),
        "weights": dict(zip(SIGNALS, map(float, np.round(weights, 3)), strict=True)) | {"bias": round(bias, 3)},
        "crossed": crossed(rows),
    }
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def read_questions(work: Path) -> Iterator[Row]:
    """Yield the yes-or-no questions, in both languages where there is a translation, with all judgements."""
    families = fitting_families()
    components = Components()
    reader, tagger = components.reader, components.name_tagger
    assert reader and tagger
    asked = [
        (family, text, question)
        for family, table in families.items()
        for question in table["questions"]
        if question["kind"] == "yes-no"
        for text in (question["question"], question.get("translation"))
        if text
    ]
    with open_over(families, work / "families", with_llm=False) as assistant:
        for family, text, question in tqdm(asked, desc="yes or no"):
            hits = assistant._search(text, None).hits
            judgements = [
                {
                    "signals": judgement.signals.values(),
                    "right": ("yes" if judgement.yes else "no") == question.get("verdict")
                    and any(holds(judgement.located.evidence.text, answer) for answer in question["answers"]),
                }
                for batch in judge(text, understand(text, tagger), hits, reader, BUDGET)
                for judgement in batch
            ]
            yield {"family": family, "decided": "verdict" in question, "judgements": judgements}


def fit(rows: Sequence[Row]) -> tuple[Floats, float]:
    """Return the weights of the signals and the bias."""
    weights, bias = np.array(START), 0.0
    for _ in range(ROUNDS):
        chosen = [judgement for row in rows if (judgement := best(row, weights))]
        signals = np.array([judgement["signals"] for judgement in chosen])
        scale = signals.std(0) + 1e-6
        model = LogisticRegression(C=1.0, max_iter=500)
        model.fit(signals / scale, [judgement["right"] for judgement in chosen])
        weights, bias = model.coef_[0] / scale, float(model.intercept_[0])
    return weights, bias


def best(row: Row, weights: Floats) -> Row | None:
    """Return the judgement that the weights choose."""
    return max(row["judgements"], key=lambda judgement: float(np.dot(judgement["signals"], weights)), default=None)


def crossed(rows: Sequence[Row]) -> dict[str, Any]:
    """Figures with weights that were fitted on other families."""
    families = sorted({row["family"] for row in rows})
    random.Random(0).shuffle(families)
    fold = {family: at % FOLDS for at, family in enumerate(families)}
    outcomes: list[tuple[Row, float, bool]] = []
    for at in range(FOLDS):
        weights, bias = fit([row for row in rows if fold[row["family"]] != at])
        for row in (row for row in rows if fold[row["family"]] == at):
            chosen = best(row, weights)
            odds = float(np.dot(chosen["signals"], weights)) + bias if chosen else -9.0
            outcomes.append((row, float(1 / (1 + np.exp(-odds))), bool(chosen and chosen["right"])))
    return {
        "questions": len(rows),
        "risk": figures_of([(sure, right) for _, sure, right in outcomes]),
        **{str(bound): _at(outcomes, bound) for bound in THRESHOLDS},
    }


def _at(outcomes: Sequence[tuple[Row, float, bool]], bound: float) -> dict[str, float]:
    answered = [(sure, right) for _, sure, right in outcomes if sure >= bound]
    right = [is_right if sure >= bound else not row["decided"] for row, sure, is_right in outcomes]
    return {
        "right": round(float(np.mean(right)), 3),
        "answered": len(answered),
        "wrong": sum(not is_right for _, is_right in answered),
        "sure and wrong": sum(sure >= SURE and not is_right for sure, is_right in answered),
    }


if __name__ == "__main__":
    main()
