"""Reader alone, LLM alone, and where they agree: whose phrase is right how often.

    python -m benchmarks.reader_llm_agreement BENCH_FOLDER [--limit 40] [--work FOLDER] [--again]

Questions about articles that the reader was not trained on, over the whole sets. "LLM alone" is what Jawab does without
a reader. Figures are saved under benchmarks/results. Needs the extra `benchmarks`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from tqdm import tqdm

from benchmarks.heldout_questions import ABSTAIN, RIGHT, Row, drawn, retriever_of, scores
from index.retriever import Retriever
from qa.evaluation.metrics import f1
from qa.evidence import select_evidence
from qa.llm_extraction import extract_short_answer
from qa.prompts import answer_prompt
from qa.query.question import validate_question
from qa.reader.extractive_qa import extract_answer
from qa.training.course import SETS
from ui.app import App
from ui.config import load_config


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
    app = App(load_config())
    for name in (*SETS, *ABSTAIN):
        if name not in asked:
            asked[name] = ask_all(app, given.bench, name, given)
            kept.write_text(json.dumps(asked))
    figures = {name: alone(part) for name, part in asked.items()}
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def ask_all(app: App, bench: Path, name: str, given: argparse.Namespace) -> list[Row]:
    retriever = retriever_of(name, bench, given.work, app.components.embedder)
    return [
        ask(app, retriever, question) for question in tqdm(drawn(bench, name, given.limit), desc=name, mininterval=10)
    ]


def ask(app: App, retriever: Retriever, question: Row) -> Row:
    """What the reader and the LLM say by themselves, and the signals of each."""
    text = question["question"]
    hits = retriever.search(text, literally=False)
    assert app.components.reader
    read = extract_answer(app.components.reader, text, hits)
    assert read
    prompts = answer_prompt(validate_question(text))
    evidence = select_evidence(
        text, hits, app.components.generator.count_tokens, app.components.options.evidence_tokens
    )
    own = extract_short_answer(
        app.components.generator, prompts.ask(text, [e.text for e in evidence]), text, prompts.none, evidence
    )
    said = own.located.text if own else ""
    return {
        "question": question,
        "reader": read.located.text,
        "likely": read.probability,
        "llm": said,
        "agreed": f1(said, read.located.text),
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


if __name__ == "__main__":
    main()
