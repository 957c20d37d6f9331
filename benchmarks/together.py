"""Reader alone, LLM alone, and both: whose phrase is right how often, and what their agreement says.

    python benchmarks/together.py BENCH_FOLDER [--limit 40] [--work FOLDER] [--again]

Questions about articles that the reader was not trained on, over the whole sets. "LLM alone" is what Jawab does without
a reader. The weights of `qa/declining.py: TOGETHER` are fitted here, on half of the questions and tried on the other,
both ways round. Figures are saved under benchmarks/results. Needs the extra `benchmarks`.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from kept import ABSTAIN, RIGHT, Row, drawn, half_of, scores, searcher_of
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from tqdm import tqdm

from index.search import Searcher
from qa.asking.question import check
from qa.declining import agreement, probability, signals
from qa.evidence import select
from qa.phrase import PHRASE_TOKENS, read_phrase
from qa.prompts import answer_prompt
from qa.reading.answering import best_answer
from qa.training.train import SETS
from ui.app import App
from ui.settings import load_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--limit", type=int, default=40, help="questions of each set")
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "reader")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/together.json"))
    parser.add_argument("--again", action="store_true", help="go on with what an earlier run has asked")
    given = parser.parse_args()
    kept = given.work / "together.json"
    asked: dict[str, list[Row]] = json.loads(kept.read_text()) if given.again else {}
    app = App(load_settings())
    for name in (*SETS, *ABSTAIN):
        if name not in asked:
            asked[name] = ask_all(app, given.bench, name, given)
            kept.write_text(json.dumps(asked))
    rows = [row for part in asked.values() for row in part]
    figures = {
        "sets": {name: alone(part) for name, part in asked.items()},
        "together": fit(rows),
        "halves": [tried(rows, half) for half in (0, 1)],
    }
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def ask_all(app: App, bench: Path, name: str, given: argparse.Namespace) -> list[Row]:
    searcher = searcher_of(name, bench, given.work, app.embedder)
    return [
        ask(app, searcher, question) for question in tqdm(drawn(bench, name, given.limit), desc=name, mininterval=10)
    ]


def ask(app: App, searcher: Searcher, question: Row) -> Row:
    """What the reader and the LLM say by themselves, and the signals of each."""
    text = question["question"]
    hits = searcher.search(text, literally=False)
    assert app.reader
    read = best_answer(app.reader, text, hits)
    assert read
    prompts = answer_prompt(check(text))
    evidence = select(text, hits, app.generator.count_tokens, app.options.evidence_tokens)
    alone = read_phrase(app.generator, prompts.ask(text, [e.text for e in evidence]), text, prompts.none, evidence)
    if read.located.evidence.text not in {piece.text for piece in evidence}:
        evidence = [read.located.evidence, *evidence]
    own = app.generator.draft(prompts.ask(text, [e.text for e in evidence]), PHRASE_TOKENS, prompts.none)
    return {
        "question": question,
        "reader": read.located.text,
        "likely": read.probability,
        "llm": alone.located.text if alone else "",
        "llm_likely": probability(signals(hits, alone)) if alone else 0.0,
        "agreed": agreement(own.text, read.located.text),
        "refusal": own.refusal,
    }


def alone(rows: Sequence[Row]) -> dict[str, Any]:
    there = [row for row in rows if row["question"].get("answers")]
    figures: dict[str, Any] = {"questions": len(rows)}
    for who in ("reader", "llm"):
        found = [scores(row["question"], row[who]) for row in there]
        figures[who] = {
            "f1": round(float(np.mean([f for f, _ in found])), 4),
            "em": round(float(np.mean([e for _, e in found])), 4),
        }
    for name, chosen in (("agreed", True), ("disagreed", False)):
        part = [row for row in there if (row["agreed"] > 0) is chosen]
        right = [scores(row["question"], row["reader"])[0] >= RIGHT for row in part]
        figures[name] = {"questions": len(part), "reader_right": round(float(np.mean(right)), 4) if part else None}
    return figures


def matrix(rows: Sequence[Row]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Signals as `qa.declining.together` takes them, and whether the reader's answer was right."""
    odds = [math.log(max(r["likely"], 1e-6) / max(1 - r["likely"], 1e-6)) for r in rows]
    features = [[o, r["agreed"], math.exp(r["refusal"])] for o, r in zip(odds, rows, strict=True)]
    return np.array(features), np.array([scores(r["question"], r["reader"])[0] >= RIGHT for r in rows])


def fit(rows: Sequence[Row]) -> dict[str, float]:
    features, right = matrix(rows)
    model = LogisticRegression(C=10.0, max_iter=1000).fit(features, right)
    return dict(
        zip(("read", "agreed", "refused", "bias"), [*model.coef_[0].tolist(), float(model.intercept_[0])], strict=True)
    )


def tried(rows: Sequence[Row], half: int) -> dict[str, float]:
    """Whether an answer is right, foretold with weights of the other half: the reader alone, and both."""
    features, right = matrix([row for row in rows if half_of(row["question"]) != half])
    model = LogisticRegression(C=10.0, max_iter=1000).fit(features, right)
    features, right = matrix([row for row in rows if half_of(row["question"]) == half])
    both, reader = model.predict_proba(features)[:, 1], 1 / (1 + np.exp(-features[:, 0]))
    return {
        "answers": len(right),
        "auc_reader": round(float(roc_auc_score(right, reader)), 4),
        "auc_both": round(float(roc_auc_score(right, both)), 4),
        "log_loss_reader": round(float(log_loss(right, reader)), 4),
        "log_loss_both": round(float(log_loss(right, both)), 4),
    }


if __name__ == "__main__":
    main()
