"""Whether the reader knows that a paragraph does not answer: answerable questions against unanswerable ones.

    python -m benchmarks.not_here BENCH_FOLDER --data FOLDER --weights FILE [FILE …] [--limit 300] [--work FOLDER]

Of articles that are kept from training, with the paragraph given, for each weights file:

- SQuAD 2.0's questions that the paragraph does not answer, against as many that it does (FOLDER has
  `squad-dev-bench-articles-en.jsonl.gz`), and TyDi's in Arabic;
- questions of the sets in BENCH_FOLDER with one detail swapped (`qa/training/swaps.py`), against the same questions as
  they are, by language and kind of swap. Details come out of other articles that are kept from training too.

Figures: the area under the ROC curve (a random answerable question has a greater score than a random unanswerable one)
and the best balanced accuracy over all thresholds, by the margin over "not here" and by the head for whole excerpts; F1
where TyDi and MLQA answer.

With `--work`, for the first file, the same questions end to end as well: all articles of a pairing indexed, excerpts
found by search, balanced accuracy at the threshold of the program. Each answer's confidence and whether it is right are
kept there for `benchmarks/risk.py`. Saved under benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from benchmarks.kept import RIGHT
from index.build import update
from index.cpu import cpu_name
from index.embed import SentenceTransformerEmbedder
from index.search import Searcher
from qa.declining import THRESHOLD
from qa.measuring.metrics import phrase_scores
from qa.reading.answering import best_answer
from qa.reading.network_reader import NetworkReader
from qa.reading.reader import Context, Reading
from qa.training.course import validation_titles
from qa.training.examples import Source, names_in, of_set
from qa.training.reader_data import MIXTURE, Part, read_mixture
from qa.training.swaps import Swapper
from qa.training.train import default_embedder

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
    parser.add_argument("--work", type=Path, help="folder of the indexes and of what was answered end to end")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    kept = read_mixture(given.data, MIXTURE, frozenset()).validation
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
        scores = {name: f1(reader, kept[name], given.limit) for name in ("tydiqa-ar", "mlqa-ar")}
        figures[str(file)] = {"told apart": told, "f1": scores}
        if given.work and file == given.weights[0]:
            figures["end to end"] = end_to_end(pairings, reader, embedder, given.work)
        print(file, json.dumps(figures, indent=1), flush=True)
    given.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def of_bench_articles(bench: Path, data: Path, limit: int) -> Pairing:
    """Questions about the articles of the sets that are kept from training."""
    titles = validation_titles(bench)
    # With no title held out, all of the file is there.
    every = read_mixture(data, [Part(_OF_BENCH_ARTICLES, 0)], frozenset()).training[_OF_BENCH_ARTICLES]
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
        swapper = Swapper([source.question for source in sources], random.Random(SEED), names_in(sources))
        for source in sources:
            swap = swapper.swap(source.question, f"{source.title} {source.paragraph}")
            if swap:
                other = replace(source, question=swap.question, answer=None)
                found.setdefault(f"{language}, {swap.kind} swapped", []).append((source, other))
    return {
        name: Pairing(tuple(a for a, _ in pairs[:limit]), tuple(b for _, b in pairs[:limit]))
        for name, pairs in sorted(found.items())
    }


def separation(reader: NetworkReader, pairing: Pairing) -> dict[str, object]:
    readings = [read(reader, source) for source in (*pairing.answerable, *pairing.unanswerable)]
    truth = [1] * len(pairing.answerable) + [0] * len(pairing.unanswerable)
    if len(set(truth)) < 2:
        return {"questions": len(truth)}
    return {
        "questions": len(truth),
        "margin": _told_apart(truth, [reading.margin for reading in readings]),
        "answerable": _told_apart(truth, [reading.answerable for reading in readings]),
    }


def _told_apart(truth: Sequence[int], values: Sequence[float]) -> dict[str, float]:
    false_positive, true_positive, _ = roc_curve(truth, values)
    return {
        "auc": round(float(roc_auc_score(truth, values)), 3),
        "balanced accuracy": round(float(np.max((true_positive + 1 - false_positive) / 2)), 3),
    }


def end_to_end(
    pairings: Mapping[str, Pairing], reader: NetworkReader, embedder: SentenceTransformerEmbedder, work: Path
) -> dict[str, dict[str, float]]:
    """Balanced accuracy of each pairing at the program's threshold, its articles indexed."""
    table: dict[str, dict[str, float]] = {}
    rows: list[tuple[str, float, bool]] = []
    for name, pairing in pairings.items():
        sources = (*pairing.answerable, *pairing.unanswerable)
        searcher = indexed(sources, embedder, work / name.replace(" ", "-").replace(",", ""))
        answers = [(source, answered(reader, searcher, source)) for source in sources]
        rows += [(name, sure, right) for _, (sure, right) in answers]
        yes = [sure >= THRESHOLD for source, (sure, _) in answers if source.answer]
        no = [sure < THRESHOLD for source, (sure, _) in answers if not source.answer]
        table[name] = {
            "answered": round(sum(yes) / len(yes), 3),
            "declined": round(sum(no) / len(no), 3),
            "balanced accuracy": round((sum(yes) / len(yes) + sum(no) / len(no)) / 2, 3),
        }
    (work / "not-here-answers.json").write_text(json.dumps(rows))
    return table


def indexed(sources: Sequence[Source], embedder: SentenceTransformerEmbedder, work: Path) -> Searcher:
    """Search over the articles of these questions: all paragraphs that are known of each."""
    texts: dict[str, dict[str, None]] = {}
    for number, source in enumerate(sources):
        of_article = texts.setdefault(source.title or f"{number}", {})
        of_article.update(dict.fromkeys((source.paragraph, *source.others)))
    work.mkdir(parents=True, exist_ok=True)
    file = work / "articles.jsonl"
    articles = ({"id": str(n), "title": t, "text": "\n\n".join(p)} for n, (t, p) in enumerate(texts.items()))
    file.write_text("".join(json.dumps(article) + "\n" for article in articles))
    update(work / "index", [file], embedder)
    return Searcher(work / "index", embedder)


def answered(reader: NetworkReader, searcher: Searcher, source: Source) -> tuple[float, bool]:
    """The confidence of the answer, and whether it is right; none is where the articles do not answer."""
    found = best_answer(reader, source.question, searcher.search(source.question, literally=False))
    if found is None:
        return 0.0, False
    if source.answer is None:
        return found.probability, False
    gold = source.paragraph[source.answer.start : source.answer.end]
    return found.probability, phrase_scores(found.located.text, [gold])[0] >= RIGHT


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
    (reading,) = reader.read(source.question, [Context(source.paragraph, source.title, source.date)])
    return reading


if __name__ == "__main__":
    main()
