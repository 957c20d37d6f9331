"""Fit the weights of `qa/confidence.py` on questions of which it is known whether the articles answer them.

    python -m benchmarks.calibrate SET… --questions 45 --held-out 150

The `--held-out` questions that `jawab eval --limit` would take are left out, so that what is fitted here is
measured on others. Prints the weights and the balanced accuracy with each question left out in turn, and saves
them with the signals (numbers, no texts) under benchmarks/results. Needs the extra `benchmarks` (scikit-learn).
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import asdict, astuple, fields
from pathlib import Path

import numpy as np
import platformdirs
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from index.indexer import update_index
from index.retriever import Retriever
from qa.confidence import AbstentionFeatures, abstention_features
from qa.evaluation.question_set import read_set
from qa.evidence import select_evidence
from qa.llm_extraction import extract_short_answer
from qa.prompts import answer_prompt
from qa.query.question import validate_question
from ui.app import App
from ui.config import load_config

SEED = 11


def signals_of(app: App, retriever: Retriever, question: str) -> AbstentionFeatures | None:
    """The signals of one question, or `None` where the phrase was found in no article."""
    prompt = answer_prompt(validate_question(question))
    hits = retriever.search(question, app.components.options.passages)
    evidence = select_evidence(
        question, hits, app.components.generator.count_tokens, app.components.options.evidence_tokens
    )
    asked = prompt.ask(question, [piece.text for piece in evidence])
    phrase = extract_short_answer(app.components.generator, asked, question, prompt.none, evidence)
    return abstention_features(hits, phrase) if phrase else None


def collect(app: App, folder: Path, questions: int, held_out: int) -> list[tuple[bool, AbstentionFeatures | None]]:
    """(answerable, signals) of some questions of a set."""
    chosen_set = read_set(folder)
    index = platformdirs.user_cache_path("jawab") / "eval" / chosen_set.name / "index"
    update_index(index, [chosen_set.articles], app.components.embedder)
    retriever = Retriever(index, app.components.embedder)
    held = {question["id"] for question in chosen_set.sample(held_out)}
    rest = [question for question in chosen_set.questions if question["id"] not in held]
    chosen = random.Random(SEED).sample(rest, min(questions, len(rest)))
    return [
        (question.get("answerable", True), signals_of(app, retriever, question["question"]))
        for question in tqdm(chosen, desc=chosen_set.name)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--questions", type=int, default=45, help="questions of each set")
    parser.add_argument("--held-out", type=int, default=150, help="the --limit that is measured with")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/calibration.json"))
    args = parser.parse_args()
    app = App(load_config())
    collected = [row for folder in args.sets for row in collect(app, folder, args.questions, args.held_out)]
    # A phrase that stands in no article declines by itself; the weights are for the rest.
    rows = [(answerable, found) for answerable, found in collected if found is not None]
    x, y = np.array([astuple(found) for _, found in rows]), np.array([answerable for answerable, _ in rows])
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    guessed = cross_val_predict(model, x, y, cv=LeaveOneOut())
    model.fit(x, y)
    scaler, regression = model[0], model[1]
    weights = regression.coef_[0] / scaler.scale_
    bias = float(regression.intercept_[0] - weights @ scaler.mean_)
    result = {
        "sets": [read_set(folder).name for folder in args.sets],
        "questions": len(collected),
        "phrase_found_nowhere": len(collected) - len(rows),
        "weights": {
            field.name: round(float(w), 3) for field, w in zip(fields(AbstentionFeatures), weights, strict=True)
        },
        "bias": round(bias, 3),
        "balanced_accuracy_left_one_out": round(float((guessed[y].mean() + (~guessed[~y]).mean()) / 2), 3),
        "rows": [{"answerable": bool(a), **{k: round(v, 4) for k, v in asdict(f).items()}} for a, f in rows],
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: value for name, value in result.items() if name != "rows"}, indent=1))


if __name__ == "__main__":
    main()
