"""How fast passages are embedded, against the library as it comes, and what that costs in retrieval.

    python -m benchmarks.embedding SET…

Both embed the passages of a set in one run on one machine, in turns: `SentenceTransformer(folder).encode(texts)` with
its defaults, and Jawab's embedder, which gives a vector for every sentence besides. Then the set's questions are asked
of both, vectors alone: hit@5 is the share of questions for which one of the five nearest passages holds the answer (as
`jawab eval` counts it). Saves figures under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from index.articles import Article, Span
from index.embeddings import PassageText, Vectors
from index.formats.jsonl import read
from index.formats.parsed import ParsedDocument
from index.planner import text_of
from index.text.chunker import split_passages
from qa.evaluation.question_set import read_set
from ui.app import App
from ui.config import load_config

RESULT = Path("benchmarks/results/embedding.json")
ROUNDS = 3
"""Each embeds all passages so often, in turns. The ratio reported is the median over the rounds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--speed-only", action="store_true", help="keep the hits of the run before")
    given = parser.parse_args()
    results: dict[str, dict[str, float]] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for folder in given.sets:
        name = folder.as_posix()[-8:]
        results[name] = results.get(name, {}) | compare(folder, asks=not given.speed_only)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


def compare(folder: Path, asks: bool) -> dict[str, float]:
    from sentence_transformers import SentenceTransformer

    chosen = read_set(folder)
    passages = list(_passages(chosen.articles))
    texts = [text for _, _, text in passages]
    embedder = App(load_config()).components.embedder
    library = SentenceTransformer(str(App(load_config()).components.store.require(_default_embedder())), device="cpu")
    tokens = sum(len(library.tokenizer(text.text)["input_ids"]) for text in texts)
    embedder.embed_queries(["warm"])
    library.encode(["warm"])
    seconds: dict[str, list[float]] = {"library": [], "jawab": []}
    rows: dict[str, Vectors] = {}
    ways: dict[str, Callable[[Sequence[PassageText]], Vectors]] = {
        "library": lambda part: library.encode([text.text for text in part]),
        "jawab": lambda part: np.stack([done.passage for done in embedder.embed_passages(part)]),
    }
    for _ in range(ROUNDS):
        for name, embed in ways.items():
            start = time.perf_counter()
            rows[name] = embed(texts)
            seconds[name].append(time.perf_counter() - start)
    ratios = [a / b for a, b in zip(seconds["library"], seconds["jawab"], strict=True)]
    speed = {
        "passages": len(texts),
        "tokens": tokens,
        "library_tokens_a_second": round(tokens / statistics.median(seconds["library"]), 1),
        "jawab_tokens_a_second": round(tokens / statistics.median(seconds["jawab"]), 1),
        "times_as_fast": round(statistics.median(ratios), 3),
        "times_as_fast_least": round(min(ratios), 3),
        "times_as_fast_most": round(max(ratios), 3),
    }
    if not asks:
        return speed
    asked = [question["question"] for question in chosen.questions]
    queries = {"library": library.encode_query(asked), "jawab": embedder.embed_queries(asked)}
    hits = {name: _hit_at_5(queries[name], rows[name], passages, chosen.questions) for name in ways}
    return speed | {
        "questions": len(asked),
        "library_hit_at_5": hits["library"],
        "jawab_hit_at_5": hits["jawab"],
    }


def _default_embedder() -> Any:
    from qa.fetching.models import bundled_models, default_model

    return default_model(bundled_models(), "embedder")


def _passages(articles: Path) -> list[tuple[str, Span, PassageText]]:

    found = []
    for draft in read(articles.read_bytes()):
        assert isinstance(draft, ParsedDocument)
        article = Article(draft.id or "", draft.title or "", draft.text, "ar")
        for span in split_passages(article):
            found.append((article.id, span, text_of(article, span)))
    return found


def _hit_at_5(
    queries: Vectors,
    vectors: Vectors,
    passages: Sequence[tuple[str, Span, PassageText]],
    questions: Sequence[dict[str, Any]],
) -> float:
    nearest = np.argsort(-(queries @ vectors.T), axis=1)[:, :5]
    asked = zip(nearest, questions, strict=True)
    hits = [any(_holds(passages[i], question) for i in row.tolist()) for row, question in asked]
    return round(sum(hits) / len(hits), 4)


def _holds(passage: tuple[str, Span, PassageText], question: dict[str, Any]) -> bool:
    article_id, span, _ = passage
    return article_id == question["article_id"] and any(
        span.start <= answer["start"] and answer["end"] <= span.end for answer in question["answers"]
    )


if __name__ == "__main__":
    main()
