"""Whether the reader knows that a paragraph does not answer: answerable questions against unanswerable ones.

    python -m benchmarks.answerability BENCH_FOLDER --data FOLDER --weights FILE [FILE …] [--limit 300]

Of articles that are kept from training, with the paragraph given, for each weights file:

- SQuAD 2.0's questions that the paragraph does not answer, against as many that it does (FOLDER has
  `squad-dev-bench-articles-en.jsonl.gz`), and TyDi's in Arabic;
- questions about news items of templates that are kept from training (`qa/training/siblings.py`);
- questions of the sets in BENCH_FOLDER with one detail swapped (`qa/training/swaps.py`), against the same questions as
  they are, by language and kind of swap. Details come out of other articles that are kept from training too.

Figures: the area under the ROC curve (a random answerable question has a greater score than a random unanswerable one)
and the best balanced accuracy over all thresholds, by the margin over "not here" and by the head for whole excerpts; F1
where TyDi and MLQA answer. `benchmarks/reader.py` asks the same questions end to end. Saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from benchmarks.heldout_questions import load_reader
from benchmarks.pairings import Pairing, pairings
from index.embeddings import SentenceTransformerEmbedder
from index.runtime.cpu import cpu_name
from qa.evaluation.metrics import phrase_scores
from qa.reader.base import Context, Reader, ReaderOutput
from qa.training.examples import Source
from qa.training.reader_data import MIXTURE, read_mixture
from qa.training.train import default_embedder

RESULTS = Path("benchmarks/results/answerability.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, nargs="+", required=True)
    parser.add_argument("--limit", type=int, default=300, help="questions of each side of a pairing")
    parser.add_argument("--untitled", action="store_true", help="read paragraphs without title and date")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    kept = read_mixture(given.data, MIXTURE, frozenset()).validation
    asked = pairings(given.bench, given.data, given.limit)
    embedder = SentenceTransformerEmbedder(default_embedder())
    figures: dict[str, object] = {"cpu": cpu_name()}
    for file in given.weights:
        reader = load_reader(file, embedder, given.untitled)
        told = {name: separation(reader, pairing) for name, pairing in asked.items()}
        scores = {name: f1(reader, kept[name], given.limit) for name in ("tydiqa-ar", "mlqa-ar")}
        figures[str(file)] = {"told apart": told, "f1": scores}
        print(file, json.dumps(figures, indent=1), flush=True)
    given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def separation(reader: Reader, pairing: Pairing) -> dict[str, object]:
    readings = [read(reader, source) for source in (*pairing.answerable, *pairing.unanswerable)]
    truth = [1] * len(pairing.answerable) + [0] * len(pairing.unanswerable)
    if len(set(truth)) < 2:
        return {"questions": len(truth)}
    return {
        "questions": len(truth),
        "margin": _auc_and_accuracy(truth, [reading.margin for reading in readings]),
        "answerable": _auc_and_accuracy(truth, [reading.answerable for reading in readings]),
    }


def _auc_and_accuracy(truth: Sequence[int], values: Sequence[float]) -> dict[str, float]:
    false_positive, true_positive, _ = roc_curve(truth, values)
    return {
        "auc": round(float(roc_auc_score(truth, values)), 3),
        "balanced accuracy": round(float(np.max((true_positive + 1 - false_positive) / 2)), 3),
    }


def f1(reader: Reader, sources: Sequence[Source], limit: int) -> dict[str, float]:
    """Mean F1 of the best span, where the paragraph answers."""
    asked = [source for source in sources if source.answer][:limit]
    scores = []
    for source in asked:
        assert source.answer
        span = read(reader, source).spans[0].span
        gold = source.paragraph[source.answer.start : source.answer.end]
        scores.append(phrase_scores(source.paragraph[span.start : span.end], [gold])[0])
    return {"questions": len(asked), "f1": round(sum(scores) / len(scores), 3)}


def read(reader: Reader, source: Source) -> ReaderOutput:
    (reading,) = reader.read(source.question, [Context(source.paragraph, source.title, source.date)])
    return reading


if __name__ == "__main__":
    main()
