"""What shorter and coarser vectors cost: hit@1 and hit@5, vectors alone, for the forms an index could keep them in.

    python -m benchmarks.quantization BENCH_FOLDER [--work FOLDER]

The embedder was trained so that the beginning of its vectors is a shorter vector (Matryoshka; Kusupati et al. 2022,
arXiv:2205.13147). 8-bit is FAISS's scalar quantiser, PQ its product quantiser (96 bytes a vector), both trained on the
passages; "scored anew" is what the product does: the 40 best by the coarse vectors in the order of the stored ones.
Uses the work folder of benchmarks/retrieval.py. Saves figures under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import platformdirs

from benchmarks.retrieval import OWN, Collection, Question, collection, questions
from index.embeddings import Vectors
from ui.app import App
from ui.config import load_config

RESULT = Path("benchmarks/results/vector_forms.json")
CANDIDATES = 40

Form = Callable[[Vectors, Vectors], Vectors]
"""(passages, queries) → scores, shape (queries, passages)."""


def shortened(dimension: int) -> Form:
    def scores(passages: Vectors, queries: Vectors) -> Vectors:
        kept, asked = (rows[:, :dimension] for rows in (passages, queries))
        return _unit(asked) @ _unit(kept).T

    return scores


def quantised(factory: str, dimension: int, anew: bool) -> Form:
    def scores(passages: Vectors, queries: Vectors) -> Vectors:
        index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
        kept, asked = _unit(passages[:, :dimension]), _unit(queries[:, :dimension])
        index.train(kept)
        index.add(kept)
        coarse = np.zeros((len(queries), len(passages)), np.float32)
        found, numbers = index.search(asked, len(passages))
        np.put_along_axis(coarse, numbers, found, 1)
        if not anew:
            return coarse
        best = numbers[:, :CANDIDATES]
        exact = np.full_like(coarse, -2)
        np.put_along_axis(exact, best, np.einsum("qd,qkd->qk", queries, passages[best]), 1)
        return exact

    return scores


FORMS: dict[str, tuple[int, Form]] = {
    "float32, 768": (3072, shortened(768)),
    "float32, 512": (2048, shortened(512)),
    "float32, 256": (1024, shortened(256)),
    "float32, 128": (512, shortened(128)),
    "8-bit, 768": (768, quantised("SQ8", 768, anew=False)),
    "8-bit, 768, scored anew": (768, quantised("SQ8", 768, anew=True)),
    "8-bit, 256": (256, quantised("SQ8", 256, anew=False)),
    "8-bit, 256, scored anew": (256, quantised("SQ8", 256, anew=True)),
    "PQ, 96 bytes": (96, quantised("PQ96x4", 768, anew=False)),
    "PQ, 96 bytes, scored anew": (96, quantised("PQ96x4", 768, anew=True)),
}
"""Bytes a vector, and how it scores."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "retrieval")
    args = parser.parse_args()
    embedder = App(load_config()).components.embedder
    results: dict[str, dict[str, object]] = {name: {"bytes": size} for name, (size, _) in FORMS.items()}
    for set_name, over in OWN.items():
        asked = questions(set_name, args.bench, args.work, embedder)
        passages = collection(over, args.bench, args.work, embedder)
        for name, (_, form) in FORMS.items():
            results[name][set_name] = hits(asked, passages, form)
    RESULT.write_text(json.dumps(results, indent=1) + "\n")
    print(f"| form | bytes | {' | '.join(OWN)} |\n|---|---|{'---|' * len(OWN)}")
    for name, row in results.items():
        print(f"| {name} | {row['bytes']} | {' | '.join(str(row[set_name]) for set_name in OWN)} |")


def hits(asked: list[Question], over: Collection, form: Form) -> list[float]:
    """hit@1 and hit@5."""
    scores = form(over.vectors, np.stack([question.vector for question in asked]))
    order = np.argsort(-scores, axis=1)[:, :5]
    places = [
        next((place for place, i in enumerate(row) if question.is_answered_by(over.passages[i])), 99)
        for question, row in zip(asked, order.tolist(), strict=True)
    ]
    return [round(sum(place < k for place in places) / len(places), 4) for k in (1, 5)]


def _unit(rows: Vectors) -> Vectors:
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


if __name__ == "__main__":
    main()
