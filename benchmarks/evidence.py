"""How often search finds the answer, and how often it is among the evidence: by budget, mix of signals and cut.

    python -m benchmarks.evidence SET… [--limit 150]

Retrieval is measured on whole sets, evidence on the part that `--limit` takes. No LLM is asked; its tokenizer
counts. Prints three tables in Markdown and saves the figures under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs
from tqdm import tqdm

from index.indexer import update_index
from index.retriever import Hit, Retriever
from qa.evaluation.question_set import QuestionSet, read_set
from qa.evidence import EVIDENCE_WEIGHTS, PER_SENTENCE, EvidenceWeights, select_evidence
from ui.app import App
from ui.config import load_config

BUDGETS = (100, 150, 200, 300, 400, 600)
CUTS = (0.0, 0.6, 0.7, 0.75, 0.8, 0.85)
"""Least shares of the best sentence's score."""
MIXES = {
    "passage order": EvidenceWeights(passage=1.0, sentence=0.0, words=0.0),
    "passage and words": EvidenceWeights(passage=0.7, sentence=0.0, words=0.3),
    "sentence": EvidenceWeights(passage=0.0, sentence=1.0, words=0.0),
    "passage and sentence": EvidenceWeights(passage=0.5, sentence=0.5, words=0.0),
    "all three": EVIDENCE_WEIGHTS,
}


Found = list[tuple[dict[str, Any], list[Hit]]]


def covered(question: dict[str, Any], article_id: str, start: int, end: int) -> bool:
    """Whether a stretch of an article holds one of the question's answers."""
    return article_id == question["article_id"] and any(
        start <= gold["start"] and gold["end"] <= end for gold in question["answers"]
    )


def retrieval(found: Found) -> dict[str, float]:
    """hit@k for k = 1, 5, 10."""
    ranks = [
        next((n for n, h in enumerate(hits) if covered(q, h.article.id, h.passage.start, h.passage.end)), len(hits))
        for q, hits in found
    ]
    return {f"hit@{k}": round(sum(rank < k for rank in ranks) / len(ranks), 4) for k in (1, 5, 10)}


@dataclass(frozen=True)
class Coverage:
    """Share of questions whose answer is among the evidence, and the mean number of tokens that it cost."""

    share: float
    tokens: int


def coverage(app: App, found: Found, budget: int, mix: EvidenceWeights, cut: float) -> Coverage:
    count = app.components.generator.count_tokens
    chosen = [(q, select_evidence(q["question"], hits, count, budget, mix, cut)) for q, hits in found]
    inside = [any(covered(q, e.article.id, e.span.start, e.span.end) for e in pieces) for q, pieces in chosen]
    tokens = [sum(count(piece.text) + PER_SENTENCE for piece in pieces) for _, pieces in chosen]
    return Coverage(round(sum(inside) / len(inside), 3), round(sum(tokens) / len(tokens)))


def measure(app: App, questions: QuestionSet, limit: int) -> dict[str, Any]:
    """All figures of one set."""
    index = platformdirs.user_cache_path("jawab") / "eval" / questions.name / "index"
    update_index(index, [questions.articles], app.components.embedder)
    retriever = Retriever(index, app.components.embedder)
    answerable = [question for question in questions.questions if question.get("answers")]
    found = [(q, retriever.search(q["question"], 10)) for q in tqdm(answerable, desc=questions.name)]
    part = {question["id"] for question in questions.sample(limit)}
    sampled = [pair for pair in found if pair[0]["id"] in part]
    return {
        "questions": len(found),
        "retrieval": retrieval(found),
        "evidence_questions": len(sampled),
        "mixes": {
            name: {str(budget): coverage(app, sampled, budget, mix, 0.0).share for budget in BUDGETS}
            for name, mix in MIXES.items()
        },
        "cuts": {
            str(cut): {
                str(budget): asdict(coverage(app, sampled, budget, EVIDENCE_WEIGHTS, cut)) for budget in BUDGETS[1:4]
            }
            for cut in CUTS
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/evidence.json"))
    args = parser.parse_args()
    app = App(load_config())
    sets = [read_set(folder) for folder in args.sets]
    results = {questions.name: measure(app, questions, args.limit) for questions in sets}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("| set | questions | hit@1 | hit@5 | hit@10 |\n|---|---|---|---|---|")
    for name, result in results.items():
        print(f"| {name} | {result['questions']} | {' | '.join(map(str, result['retrieval'].values()))} |")
    _table(results, "mixes", "signals", BUDGETS, str)
    _table(results, "cuts", "cut", BUDGETS[1:4], lambda cell: f"{cell['share']} ({cell['tokens']})")


def _table(results: dict[str, Any], part: str, label: str, budgets: Sequence[int], shown: Callable[[Any], str]) -> None:
    print(f"\n| set | {label} | {' | '.join(map(str, budgets))} |\n|---|---|{'---|' * len(budgets)}")
    for name, result in results.items():
        for row, cells in result[part].items():
            print(f"| {name} | {row} | {' | '.join(map(shown, cells.values()))} |")


if __name__ == "__main__":
    main()
