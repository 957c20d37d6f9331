"""How much the LLM should be shown to write its sentence: answer quality against prompt tokens and the first token.

    python -m benchmarks.context_ablation BENCH_FOLDER [--work FOLDER] [--limit 8]

Questions about articles that the reader was not trained on, over the whole sets; the reader's phrase is told in all.
Shown are: the sentence of the phrase alone, with the one before it (whom "he" means), with the article's title and
date, the excerpt that the reader read, and that with other evidence up to 200 and 400 tokens. Kept for each question in
the work folder, so that a run that was stopped goes on; figures are saved under benchmarks/results. Needs the extra
`benchmarks`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import platformdirs
from tqdm import tqdm

from benchmarks.heldout_questions import Row, drawn, retriever_of
from benchmarks.llm_ablation import candidates_of, mean, median, written
from index.articles import Article, Span
from index.retriever import Hit
from index.text.sentences import sentences
from qa.citations import Located
from qa.evidence import select_evidence
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.prompts import sentence_prompt
from qa.query.question import validate_question
from qa.reader.base import Reader
from qa.training.course import SETS
from ui.app import App
from ui.config import load_config

BUDGETS = (200, 400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "reader")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/evidence-for-sentences.json"))
    parser.add_argument("--limit", type=int, default=8, help="questions of each set")
    given = parser.parse_args()
    app = App(load_config())
    reader, generator = app.components.reader, app.components.generator
    if reader is None or not isinstance(generator, LlamaCppLLM):
        raise SystemExit("needs the reader and the LLM")
    kept = given.work / f"evidence-for-sentences-{generator.name}.json"
    asked: dict[str, dict[str, Row]] = json.loads(kept.read_text()) if kept.exists() else {}
    for name in SETS:
        retriever = retriever_of(name, given.bench, given.work, app.components.embedder)
        for question in tqdm(drawn(given.bench, name, given.limit), desc=name, mininterval=10):
            key = f"{name} {question['id']}"
            if key not in asked:
                hits = retriever.search(question["question"], literally=False)
                asked[key] = measure(question, hits, reader, generator)
                kept.write_text(json.dumps(asked, ensure_ascii=False))
    figures = {"questions": len(asked), **table(list(asked.values()))}
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def measure(question: Row, hits: Sequence[Hit], reader: Reader, generator: LlamaCppLLM) -> dict[str, Row]:
    """What the LLM writes around the reader's phrase, by what it is shown."""
    text = question["question"]
    best = candidates_of(text, hits, reader)[0].located
    prompts = sentence_prompt(validate_question(text))
    return {
        way: written(question, best, prompts.ask(text, given, best.text), generator)
        for way, given in shown(text, best, hits, generator).items()
    }


def shown(text: str, best: Located, hits: Sequence[Hit], generator: LlamaCppLLM) -> dict[str, str]:
    """The evidence by the way it is chosen."""
    article, alone = best.evidence.article, best.evidence.text
    before, after = beside(article, best.evidence.span)
    around = " ".join(filter(None, (before, alone, after)))
    dated = f"({article.date})" if article.date else ""
    ways = {
        "its sentence": alone,
        "and the one before": " ".join(filter(None, (before, alone))),
        "and the title and date": " ".join(filter(None, (article.title, dated, "—", alone))),
        "and its neighbours": around,
    }
    for budget in BUDGETS:
        others = [
            piece.text for piece in select_evidence(text, hits, generator.count_tokens, budget, near_the_best=0.0)
        ]
        ways[f"and evidence, {budget} tokens"] = " ".join([alone, *(one for one in others if one != alone)])
    return ways


def beside(article: Article, span: Span) -> tuple[str, str]:
    """The sentences before and after the one at `span`; empty where there is none."""
    spans = sentences(article.text)
    before = [one for one in spans if one.end <= span.start]
    after = [one for one in spans if one.start >= span.end]
    found = (before[-1:], after[:1])
    one, other = (" ".join(article.text[s.start : s.end] for s in side) for side in found)
    return " ".join(one.split()), " ".join(other.split())


def table(rows: Sequence[dict[str, Row]]) -> dict[str, Row]:
    figures: dict[str, Row] = {}
    for way in rows[0] if rows else ():
        of_way = [row[way] for row in rows]
        figures[way] = {
            **{name: mean([row[name] for row in of_way]) for name in ("stands", "gold", "gold in what is said")},
            **{f"{name}, median": median([row[name] for row in of_way]) for name in ("tokens", "first token", "total")},
        }
    return figures


if __name__ == "__main__":
    main()
