"""Whether the reader knows that a paragraph does not answer: answerable questions against unanswerable ones.

    python -m benchmarks.not_here BENCH_FOLDER --data FOLDER --weights FILE [FILE …] [--limit 300]

Of articles that are kept from training, with the paragraph given, for each weights file:

- SQuAD 2.0's questions that the paragraph does not answer, against as many that it does (FOLDER has
  `squad-dev-bench-articles-en.jsonl.gz`), and TyDi's in Arabic;
- questions of the sets in BENCH_FOLDER with one detail swapped (`qa/training/swaps.py`), against the same questions as
  they are, by language and kind of swap. Details come out of other articles that are kept from training too.

Figures: the area under the ROC curve of the margin over "not here" (a random answerable question has a greater one than
a random unanswerable one), and the best balanced accuracy over all thresholds; F1 where TyDi and MLQA answer. Saved
under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from index.cpu import cpu_name
from index.embed import SentenceTransformerEmbedder
from qa.measuring.metrics import phrase_scores
from qa.reading.network_reader import NetworkReader
from qa.reading.reader import Reading
from qa.training.examples import Source, of_set
from qa.training.reader_data import MIXTURE, Part, read_mixture
from qa.training.swaps import Swapper
from qa.training.train import default_embedder, validation_titles

RESULTS = Path("benchmarks/results/not-here.json")
SEED = 26
_OF_BENCH_ARTICLES = "squad-dev-bench-articles-en"


@dataclass(frozen=True)
class Pairing:
    """Answerable and unanswerable questions that are to be told apart."""

    answerable: tuple[Source, ...]
    unanswerable: tuple[Source, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, nargs="+", required=True)
    parser.add_argument("--limit", type=int, default=300, help="questions of each side of a pairing")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    kept = read_mixture(given.data, MIXTURE, frozenset(), SEED).validation
    pairings = {
        "SQuAD 2.0": of_bench_articles(given.bench, given.data, given.limit),
        "TyDi Arabic": halves(kept["tydiqa-ar"], given.limit),
        **swapped(given.bench, given.limit),
    }
    embedder = SentenceTransformerEmbedder(default_embedder())
    figures: dict[str, object] = {"cpu": cpu_name()}
    for file in given.weights:
        reader = NetworkReader.of(file, embedder, file.name)
        if reader is None:
            raise SystemExit("the weights are for another embedder")
        told = {name: separation(reader, pairing) for name, pairing in pairings.items()}
        answered = {name: f1(reader, kept[name], given.limit) for name in ("tydiqa-ar", "mlqa-ar")}
        figures[str(file)] = {"told apart": told, "f1": answered}
        print(file, json.dumps(figures[str(file)], indent=1), flush=True)
    given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def of_bench_articles(bench: Path, data: Path, limit: int) -> Pairing:
    """Questions about the articles of the sets that are kept from training."""
    titles = validation_titles(bench)
    # With no title held out and none of its examples left out, all of the file is there.
    every = read_mixture(data, [Part(_OF_BENCH_ARTICLES)], frozenset(), SEED).training
    return halves([source for source in every if source.title in titles], limit)


def halves(sources: Sequence[Source], limit: int) -> Pairing:
    """As many answerable questions as unanswerable ones."""
    draw = random.Random(SEED)
    answerable = [source for source in sources if source.answer]
    unanswerable = [source for source in sources if not source.answer]
    count = min(limit, len(answerable), len(unanswerable))
    return Pairing(tuple(draw.sample(answerable, count)), tuple(draw.sample(unanswerable, count)))


def swapped(bench: Path, limit: int) -> dict[str, Pairing]:
    """Questions as they are and swapped, by language and kind."""
    found: dict[str, list[tuple[Source, Source]]] = {}
    for language, names in (("Arabic", ("xquad/ar", "arcd")), ("English", ("xquad/en",))):
        sources = [source for name in names for source in of_set(bench / name, validation=True)]
        swapper = Swapper([source.question for source in sources], random.Random(SEED))
        for source in sources:
            swap = swapper.swap(source.question, source.paragraph)
            if swap:
                other = replace(source, question=swap.question, answer=None)
                found.setdefault(f"{language}, {swap.kind} swapped", []).append((source, other))
    return {
        name: Pairing(tuple(a for a, _ in pairs[:limit]), tuple(b for _, b in pairs[:limit]))
        for name, pairs in sorted(found.items())
    }


def separation(reader: NetworkReader, pairing: Pairing) -> dict[str, float]:
    margins = [read(reader, source).margin for source in (*pairing.answerable, *pairing.unanswerable)]
    truth = [1] * len(pairing.answerable) + [0] * len(pairing.unanswerable)
    if len(set(truth)) < 2:
        return {"questions": len(truth)}
    false_positive, true_positive, _ = roc_curve(truth, margins)
    return {
        "questions": len(truth),
        "auc": round(float(roc_auc_score(truth, margins)), 3),
        "balanced accuracy": round(float(np.max((true_positive + 1 - false_positive) / 2)), 3),
    }


def f1(reader: NetworkReader, sources: Sequence[Source], limit: int) -> dict[str, float]:
    """Mean F1 of the best span, where the paragraph answers."""
    asked = [source for source in sources if source.answer][:limit]
    scores = []
    for source in asked:
        assert source.answer
        span = read(reader, source).spans[0].span
        gold = source.paragraph[source.answer.start : source.answer.end]
        scores.append(phrase_scores(source.paragraph[span.start : span.end], [gold])[0])
    return {"questions": len(asked), "f1": round(sum(scores) / len(scores), 3)}


def read(reader: NetworkReader, source: Source) -> Reading:
    (reading,) = reader.read(source.question, [source.paragraph])
    return reading


if __name__ == "__main__":
    main()
