"""What a collection costs as it grows: building, disk, memory, recall and time of a search, from 10³ to 10⁶ passages.

    python -m benchmarks.scaling BENCH_FOLDER --work FOLDER --sizes 1000 10000 100000 1000000

The vectors are real ones, mixed and perturbed: each is a point between two real passage or sentence vectors of the
sets in BENCH_FOLDER (their share drawn from 0.55 to 1), moved by noise that has the covariance of the differences
between real nearest neighbours. Queries are real question vectors, and as many made in the same way. Words are drawn
by Zipf's law from those of the samples. All else is the product's own: catalogue, keyword index, FAISS.

Each size is measured in a process of its own, so that its memory is its own. Saves figures under benchmarks/results and
draws the curves to docs/growth.png. Needs the extra `benchmarks` (matplotlib).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.articles import Article, Span
from index.embeddings import PassageEmbedding
from index.fakes import HashEmbedder
from index.indexer import change_index, remove_articles, update_index
from index.retrieval.bm25 import index_terms, keyword_search
from index.retrieval.filters import Filter, allowed_passages
from index.retriever import Retriever
from index.runtime.fair_lock import FairLock
from index.storage.catalog import Catalog
from index.storage.entries import Entry, NewPassage
from index.storage.rows import matrix
from index.storage.writing import writing
from index.vectors.faiss_file import compact
from index.vectors.faiss_index import FaissIndex

Vectors = npt.NDArray[np.float32]

SEED = 5
DIMENSION = 768
PASSAGES_AN_ARTICLE = 4
WORDS_A_PASSAGE = 60
QUERIES = 250
EXACT_CHUNK = 50_000
RESULTS = Path("benchmarks/results/scaling.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--step", choices=("build", "measure"), help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help="measure what an earlier run has built")
    given = parser.parse_args()
    if given.step:
        size = given.sizes[0]
        work = given.work
        print(json.dumps(build(work, size) if given.step == "build" else measure(work, size)))
        return
    gather(given.bench, given.work)
    built = {row["passages"]: row for row in json.loads(RESULTS.read_text())["sizes"]} if given.again else {}
    results = [
        {"passages": size, **(built.get(size) or _step("build", given, size)), **_step("measure", given, size)}
        for size in given.sizes
    ]
    RESULTS.write_text(json.dumps({"seed": SEED, "queries": 2 * QUERIES, "sizes": results}, indent=2) + "\n")
    draw(results, Path("docs/growth.png"))


def _step(step: str, given: argparse.Namespace, size: int) -> dict[str, float]:
    command = [
        sys.executable,
        __file__,
        str(given.bench),
        "--work",
        str(given.work),
        "--sizes",
        str(size),
        "--step",
        step,
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(step, size, figures, flush=True)
    return figures


# Real vectors


def gather(bench: Path, work: Path) -> None:
    """Real vectors of passages, sentences and questions, kept in `work`."""
    if (work / "questions.npy").exists():
        return
    from qa.evaluation.question_set import read_set
    from ui.app import App
    from ui.config import load_config

    embedder = App(load_config()).components.embedder
    vectors, asked = [], []
    for name in ("xquad/ar", "xquad/en", "arcd"):
        chosen = read_set(bench / name)
        folder = work / "real" / chosen.name.replace("/", "-")
        update_index(folder, [chosen.articles], embedder)
        catalog = Catalog.open(folder)
        for passage, sentences in catalog.rows("SELECT passage, sentences FROM embeddings"):
            vectors += [matrix(passage, 1), matrix(sentences, len(sentences) // (2 * DIMENSION))]
        asked += [question["question"] for question in chosen.questions]
    questions = embedder.embed_queries(asked)
    real = np.unique(np.concatenate([found for found in vectors if found.size]), axis=0)
    np.save(work / "real.npy", real / np.linalg.norm(real, axis=1, keepdims=True))
    np.save(work / "questions.npy", questions)


class Maker:
    """Makes vectors that lie as real ones do."""

    def __init__(self, work: Path, seed: int) -> None:
        self.real: Vectors = np.load(work / "real.npy")
        self._random = np.random.default_rng(seed)
        nearness = self.real @ self.real.T
        np.fill_diagonal(nearness, -1)
        differences = self.real - self.real[nearness.argmax(1)]
        covariance = np.cov(differences.T) + 1e-8 * np.eye(DIMENSION)
        self._spread = np.linalg.cholesky(covariance).astype(np.float32).T

    def like(self, base: Vectors, count: int) -> Vectors:
        """Unit vectors between one of `base` and a real one, moved by noise; shape (count, dimension)."""
        first = base[self._random.integers(len(base), size=count)]
        second = self.real[self._random.integers(len(self.real), size=count)]
        share = self._random.uniform(0.55, 1, size=(count, 1)).astype(np.float32)
        noise = self._random.standard_normal((count, DIMENSION)).astype(np.float32) @ self._spread
        moved = share * first + (1 - share) * second
        moved += noise * self._random.uniform(0.3, 0.9, size=(count, 1)).astype(np.float32)
        unit: Vectors = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
        return unit


# Building


def build(work: Path, size: int) -> dict[str, float]:
    """Fill a catalogue of `size` passages and make its FAISS file."""
    import shutil

    folder = work / str(size)
    shutil.rmtree(folder, ignore_errors=True)
    start = time.perf_counter()
    with writing(folder) as catalog:
        for first in range(0, size, EXACT_CHUNK):
            with catalog.transaction():
                fill(catalog, work, first, min(EXACT_CHUNK, size - first))
        filled = time.perf_counter()
        with catalog.transaction():
            # Random words tell no story, and which articles do is measured elsewhere (`benchmarks/stories.py`).
            catalog.execute("UPDATE articles SET story = number")
            catalog.next_generation()
        with change_index(catalog):
            compact(catalog)
    done = time.perf_counter()
    files = {path.suffix: path.stat().st_size / 1e6 for path in folder.iterdir()}
    return {
        "catalogue_s": round(filled - start, 2),
        "faiss_s": round(done - filled, 2),
        "catalogue_mb": round(files[".sqlite"], 1),
        "faiss_mb": round(files[".faiss"], 1),
        "build_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def fill(catalog: Catalog, work: Path, first: int, count: int) -> None:
    vectors = Maker(work, SEED + first).like(np.load(work / "real.npy"), count)
    random = np.random.default_rng(SEED + first)
    words, chances = vocabulary()
    normal = {word: index_terms(word) for word in words}
    chosen = random.choice(np.array(words, dtype=object), size=(count, WORDS_A_PASSAGE), p=chances)
    for start in range(0, count, PASSAGES_AN_ARTICLE):
        rows = range(start, min(start + PASSAGES_AN_ARTICLE, count))
        texts = [" ".join(chosen[row]) for row in rows]
        passages, at = [], 0
        for row, text in zip(rows, texts, strict=True):
            key = f"{first + row}"
            span = Span(at, at + len(text))
            at = span.end + 1
            catalog.put_embedding(key, PassageEmbedding(vectors[row], vectors[row : row + 1]), [Span(0, len(text))])
            passages.append(NewPassage(span, "ar", key, " ".join(normal[word] for word in chosen[row])))
        name = f"article-{first + start}"
        article = Article(name, name, "\n".join(texts), "ar", f"20{start % 25:02}-0{start % 9 + 1}-01", f"s{start % 7}")
        catalog.put(Entry(article, f"/{name}.txt", name, name, tuple(passages)))


def vocabulary() -> tuple[list[str], npt.NDArray[np.float64]]:
    """The words of the samples and rarer ones made of them (a million passages have more), with their frequencies."""
    import re
    from collections import Counter

    texts = (path.read_text(encoding="utf-8") for path in sorted(Path("samples/articles").iterdir()))
    counts = Counter(word for text in texts for word in re.findall(r"\w+", text))
    common = [word for word, _ in counts.most_common()]
    rare = [f"{a}{b}" for a, b in zip(common * 10, common[::-1] * 7 + common * 3, strict=True)]
    words = list(dict.fromkeys(common + rare))
    # Zipf's law, which the counts of a small text follow but for their tail.
    chances = 1 / np.arange(1, len(words) + 1)
    return words, chances / chances.sum()


# Measuring


def measure(work: Path, size: int) -> dict[str, float]:

    folder = work / str(size)
    start = time.perf_counter()
    catalog = Catalog.open(folder)
    vectors = FaissIndex.of(catalog)
    opened = time.perf_counter() - start
    asked = queries(work)
    truth = exact(catalog, asked)
    found: list[list[int]] = [[number for number, _ in vectors.nearest(query, 10, catalog)] for query in asked]
    hits = [len(set(got) & set(true)) / min(10, size) for got, true in zip(found, truth, strict=True)]
    words, chances = vocabulary()
    random = np.random.default_rng(SEED)
    questions = [" ".join(random.choice(np.array(words, dtype=object), size=8, p=chances)) for _ in asked]
    figures = {
        "open_ms": round(opened * 1000, 1),
        "recall_at_10": round(float(np.mean(hits)), 4),
        "recall_at_10_real_questions": round(float(np.mean(hits[:QUERIES])), 4),
        **timed("vectors", [in_turn(lambda q=query: vectors.nearest(q, 10, catalog)) for query in asked]),
        **timed("keywords", [in_turn(lambda q=query: keyword_search(catalog.rows, q, 50)) for query in questions]),
    }
    catalog.close()
    figures |= whole(folder, asked, questions)
    figures["search_rss_mb"] = _resident()
    some = allowed_passages(Catalog.open(folder), Filter(sources=("s3",), since="2010"))
    figures["filtered_share"] = round(len(some) / size, 3)
    # The first that is still there: a folder may be measured again.
    ((article_id,),) = Catalog.open(folder).rows("SELECT id FROM articles ORDER BY number LIMIT 1")
    start = time.perf_counter()
    remove_articles(folder, [article_id])
    figures["delete_ms"] = round((time.perf_counter() - start) * 1000, 1)
    return figures


def queries(work: Path) -> Vectors:
    """Half real question vectors, half made like them."""
    real: Vectors = np.load(work / "questions.npy")
    chosen = real[np.random.default_rng(SEED).permutation(len(real))[:QUERIES]]
    return np.concatenate([chosen, Maker(work, SEED - 1).like(real, QUERIES)])


def exact(catalog: Catalog, asked: Vectors) -> list[list[int]]:
    """The ten nearest passages of each query, by comparing with every vector that the catalogue has."""
    numbers, scores = np.zeros((len(asked), 0), np.int64), np.zeros((len(asked), 0), np.float32)
    after = 0
    while True:
        some, vectors = catalog.vectors_after(after, EXACT_CHUNK)
        if not some:
            return [row.tolist() for row in numbers]
        scores = np.concatenate([scores, asked @ vectors.T], axis=1)
        numbers = np.concatenate([numbers, np.tile(np.array(some), (len(asked), 1))], axis=1)
        best = np.argsort(-scores, axis=1)[:, :10]
        scores, numbers = np.take_along_axis(scores, best, 1), np.take_along_axis(numbers, best, 1)
        after = some[-1]


TURNS = FairLock()


def in_turn(call: Callable[[], object]) -> Callable[[], object]:
    """`call` when its turn comes, as in `index/retriever.py`."""

    def waiting() -> object:
        with TURNS.mine():
            return call()

    return waiting


def timed(name: str, calls: Sequence[Callable[[], object]]) -> dict[str, float]:
    """Milliseconds of a call, p50 and p95, for one caller and for eight at the same time."""
    figures = {}
    for callers in (1, 8):
        taken: list[float] = []

        def work(mine: Sequence[Callable[[], object]], taken: list[float] = taken) -> None:
            for call in mine:
                start = time.perf_counter()
                call()
                taken.append((time.perf_counter() - start) * 1000)

        threads = [threading.Thread(target=work, args=(calls[part::callers],)) for part in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for share in (50, 95):
            figures[f"{name}_{callers}_p{share}_ms"] = round(float(np.percentile(taken, share)), 2)
    return figures


def whole(folder: Path, asked: Vectors, questions: Sequence[str]) -> dict[str, float]:
    """A whole search but for the embedding of the question, which does not depend on the size."""

    turn: Iterator[int] = iter(range(10**9))

    class Given(HashEmbedder):
        def embed_queries(self, _: Sequence[str]) -> Vectors:
            return asked[next(turn) % len(asked)][np.newaxis]

    retriever = Retriever(folder, Given(DIMENSION))
    return timed("search", [lambda q=query: retriever.search(q, 10) for query in questions])


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 1e6)


def draw(results: Sequence[dict[str, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sizes = [row["passages"] for row in results]
    figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    plots = (
        (axes[0, 0], "milliseconds", {
            "nearest vectors, p95": "vectors_1_p95_ms", "… eight callers": "vectors_8_p95_ms",
            "keywords, p95": "keywords_1_p95_ms", "whole search, p95": "search_1_p95_ms",
            "deleting an article": "delete_ms",
        }),
        (axes[0, 1], "MB", {
            "catalogue on disk": "catalogue_mb", "FAISS on disk": "faiss_mb", "memory, searching": "search_rss_mb",
            "memory, building": "build_peak_mb",
        }),
        (axes[1, 0], "seconds", {"filling the catalogue": "catalogue_s", "making the FAISS file": "faiss_s"}),
    )  # fmt: skip
    for axis, unit, lines in plots:
        for label, key in lines.items():
            axis.plot(sizes, [row[key] for row in results], marker="o", label=label)
        axis.set(xscale="log", yscale="log", xlabel="passages", ylabel=unit)
        axis.legend(frameon=False, fontsize=8)
    axes[1, 1].plot(sizes, [row["recall_at_10"] for row in results], marker="o", label="all queries")
    axes[1, 1].plot(sizes, [row["recall_at_10_real_questions"] for row in results], marker="o", label="real questions")
    axes[1, 1].axhline(0.95, color="grey", linestyle=":", label="mark")
    axes[1, 1].set(xscale="log", ylim=(0.9, 1.005), xlabel="passages", ylabel="recall@10 against exact")
    axes[1, 1].legend(frameon=False, fontsize=8)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    main()
