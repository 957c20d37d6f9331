"""How often search finds the answer, and how often it is among the evidence, by budget and by mix of signals.

    python benchmarks/evidence.py SET… [--limit 150]

Retrieval is measured on whole sets, evidence on the part that `--limit` takes. No LLM is asked; its tokenizer
counts. Prints two tables in Markdown and saves the figures under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import platformdirs
from tqdm import tqdm

from index.build import update
from index.search import Hit, Searcher
from qa.evaluate import QuestionSet, read_set
from qa.evidence import MIX, Mix, select
from ui.app import App
from ui.settings import load_settings

BUDGETS = (100, 150, 220, 300, 400, 600)
MIXES = {
    "passage order": Mix(passage=1.0, sentence=0.0, words=0.0),
    "passage and words": Mix(passage=0.7, sentence=0.0, words=0.3),
    "sentence": Mix(passage=0.0, sentence=1.0, words=0.0),
    "passage and sentence": Mix(passage=0.5, sentence=0.5, words=0.0),
    "all three": MIX,
}


def covered(question: dict[str, Any], article_id: str, start: int, end: int) -> bool:
    """Whether a stretch of an article holds one of the question's answers."""
    return article_id == question["article_id"] and any(
        start <= gold["start"] and gold["end"] <= end for gold in question["answers"]
    )


def retrieval(found: list[tuple[dict[str, Any], list[Hit]]]) -> dict[str, float]:
    """hit@k for k = 1, 5, 10."""
    ranks = [
        next((n for n, h in enumerate(hits) if covered(q, h.article.id, h.passage.start, h.passage.end)), len(hits))
        for q, hits in found
    ]
    return {f"hit@{k}": round(sum(rank < k for rank in ranks) / len(ranks), 4) for k in (1, 5, 10)}


def evidence(app: App, found: list[tuple[dict[str, Any], list[Hit]]], mix: Mix) -> dict[str, float]:
    """Share of questions whose answer is among the evidence, by budget in tokens."""
    shares = {}
    for budget in BUDGETS:
        chosen = [(q, select(q["question"], hits, app.generator.count_tokens, budget, mix)) for q, hits in found]
        inside = [any(covered(q, e.article.id, e.span.start, e.span.end) for e in pieces) for q, pieces in chosen]
        shares[str(budget)] = round(sum(inside) / len(inside), 3)
    return shares


def measure(app: App, questions: QuestionSet, limit: int) -> dict[str, Any]:
    """All figures of one set."""
    index = platformdirs.user_cache_path("jawab") / "eval" / questions.name / "index"
    update(index, [questions.articles], app.embedder)
    searcher = Searcher(index, app.embedder)
    answerable = [question for question in questions.questions if question.get("answers")]
    found = [(q, searcher.search(q["question"], 10)) for q in tqdm(answerable, desc=questions.name)]
    part = {question["id"] for question in questions.sample(limit)}
    sampled = [pair for pair in found if pair[0]["id"] in part]
    return {
        "questions": len(found),
        "retrieval": retrieval(found),
        "evidence_questions": len(sampled),
        "evidence": {name: evidence(app, sampled, mix) for name, mix in MIXES.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/evidence.json"))
    args = parser.parse_args()
    app = App(load_settings())
    sets = [read_set(folder) for folder in args.sets]
    results = {questions.name: measure(app, questions, args.limit) for questions in sets}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("| set | questions | hit@1 | hit@5 | hit@10 |\n|---|---|---|---|---|")
    for name, result in results.items():
        print(f"| {name} | {result['questions']} | {' | '.join(map(str, result['retrieval'].values()))} |")
    print(f"\n| set | signals | {' | '.join(map(str, BUDGETS))} |\n|---|---|{'---|' * len(BUDGETS)}")
    for name, result in results.items():
        for mix, shares in result["evidence"].items():
            print(f"| {name} | {mix} | {' | '.join(map(str, shares.values()))} |")


if __name__ == "__main__":
    main()
