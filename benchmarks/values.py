"""Weight and bias of the confidence in a value that is compared: fitted on families that the reader did not learn from.

    python -m benchmarks.values [--work FOLDER] [--again]

Of every thing that a comparison of these families names, in both languages, all phrases that the reader offers are
recorded with its signals and with how far their quotation bears the question out. Logistic regression tells how likely
the likeliest is right; things whose value no article has are among them. Reported are figures of families that the
weights were not fitted on, by the margin alone and with other signals; saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from tqdm import tqdm

from benchmarks.traps import SETS, fitting_families, holds, open_over
from index.runtime.cpu import cpu_name
from index.text.words import content_words
from qa.assistant import Assistant
from qa.comparison.sub_questions import value_question
from qa.comparison.values import VALUE_BIAS, VALUE_WEIGHT, readings_of
from qa.components import Components
from qa.query.comparison_question import ComparisonQuestion
from qa.query.understanding import understand
from qa.reader.extractive_qa import ReaderSignals, logistic, phrases
from qa.training.families import held_out, read_families
from qa.verification.grounding import Grounder, Grounding

RESULTS = Path("benchmarks/results/values.json")
SIGNALS = [field.name for field in (*fields(ReaderSignals), *fields(Grounding))]
ROUNDS = 4
FOLDS = 5
HITS, BUDGET = 8, 450

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "verification")
    parser.add_argument("--again", action="store_true", help="fit again from what an earlier run has read")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    read = given.work / "values.json"
    if not given.again or not read.is_file():
        read.write_text(json.dumps(list(read_values(given.work))))
    rows = [row for row in json.loads(read.read_text()) if row["phrases"]]
    weights, bias = fit(rows, [0])
    figures = {
        "cpu": cpu_name(),
        "things": len(rows),
        "margin": round(float(weights[0]), 3),
        "bias": round(bias, 3),
        "by the margin": crossed(rows, [0]),
        "by all signals": crossed(rows, range(len(SIGNALS))),
    }
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def read_values(work: Path) -> Iterator[Row]:
    """Yield the things that held-out comparisons name, with the signals of the phrases offered for each."""
    components = Components()
    with open_over(fitting_families(), work / "families", False, components) as assistant:
        for family, table in tqdm(held_out(read_families(SETS / "training")).items(), desc="values"):
            for row in table["questions"]:
                if row["kind"] != "compare":
                    continue
                for question, key in ((row["question"], "of"), (row["translation"], "of_translation")):
                    parsed = _parse(components, question)
                    for thing in parsed.things if parsed else ():
                        golds = values_of(thing, row.get("values", ()), key)
                        offered = _offered(assistant, components, parsed, thing, family, golds)
                        yield {"family": family, "phrases": offered}


def _parse(components: Components, question: str) -> ComparisonQuestion | None:
    parser, intents = components.comparison_parser, components.intent_classifier
    assert parser and intents
    return parser.parse(question, intents.classify(question))


def values_of(thing: str, values: Sequence[Row], key: str) -> list[Row]:
    """Return the value of the one thing that shares most words with a thing that was found; none on a tie."""
    shared = [len(content_words(thing) & content_words(value.get(key, ""))) for value in values]
    most = max(shared, default=0)
    return [values[shared.index(most)]] if most and shared.count(most) == 1 else []


def _offered(
    assistant: Assistant,
    components: Components,
    parsed: ComparisonQuestion | None,
    thing: str,
    family: str,
    golds: Sequence[Row],
) -> list[list[float]]:
    """Return the signals of each phrase with a quantity that is offered as a thing's value, and whether it is."""
    reader, tagger = components.reader, components.name_tagger
    assert reader and tagger and parsed
    about = parsed.about(thing)
    grounder = Grounder(understand(about, tagger))
    offered: list[list[float]] = []

    def score(signals: ReaderSignals, located: Any) -> float:
        if readings_of(located):
            right = any(
                located.evidence.article.id == f"{family}-{value['article']}" and holds(located.text, value["answer"])
                for value in golds
            )
            offered.append([*signals.values(), *grounder.ground(located).values(), float(right)])
        return 0.0

    hits = assistant.retriever.search(about, HITS, literally=False)
    phrases(reader, value_question(parsed.question, thing), hits, BUDGET, score, ranked_by=about)
    return offered


def fit(rows: Sequence[Row], used: Sequence[int]) -> tuple[Floats, float]:
    """Return weights and bias, fitted to the phrases that they choose themselves."""
    weights, bias = np.zeros(len(SIGNALS)), VALUE_BIAS
    weights[0] = VALUE_WEIGHT
    for _ in range(ROUNDS):
        best = [chosen(row, weights) for row in rows]
        model = LogisticRegression(C=1.0)
        model.fit(np.array([phrase[:-1] for phrase in best])[:, used], [phrase[-1] > 0 for phrase in best])
        weights = np.zeros(len(SIGNALS))
        weights[list(used)] = model.coef_[0]
        bias = float(model.intercept_[0])
    return weights, bias


def chosen(row: Row, weights: Floats) -> list[float]:
    """Return the likeliest phrase of a thing."""
    best: list[float] = max(row["phrases"], key=lambda phrase: float(np.dot(phrase[:-1], weights)))
    return best


def crossed(rows: Sequence[Row], used: Sequence[int]) -> dict[str, float]:
    """Figures of families that the weights were not fitted on."""
    families = sorted({row["family"] for row in rows})
    probabilities: list[float] = []
    right: list[bool] = []
    for fold in range(FOLDS):
        of_fold = {name for at, name in enumerate(families) if at % FOLDS == fold}
        weights, bias = fit([row for row in rows if row["family"] not in of_fold], used)
        for row in rows:
            if row["family"] in of_fold:
                best = chosen(row, weights)
                probabilities.append(logistic(float(np.dot(best[:-1], weights)) + bias))
                right.append(best[-1] > 0)
    return {
        "right": round(float(np.mean(right)), 3),
        "area under the ROC curve": round(float(roc_auc_score(right, probabilities)), 3),
        "log loss": round(float(log_loss(right, probabilities)), 3),
    }


if __name__ == "__main__":
    main()
