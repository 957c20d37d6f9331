"""How well articles that tell one story are told from those that do not, and what it costs.

    python -m benchmarks.stories NEWS_FOLDER BENCH_FOLDER [--work FOLDER]

NEWS_FOLDER holds five articles of which the first, the fourth and the fifth tell one story; BENCH_FOLDER the sets
`xquad/ar`, `xquad/en` (translations of each other) and `arcd` (an encyclopaedia). `story_cases.py` makes the rest of
`samples/articles`. Thresholds are calibrated on half of the subjects, the figures are of the other half; the news are
never calibrated on. Saves figures, no texts, under benchmarks/results.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from benchmarks.story_cases import POSITIVE, Case, PairKind, cases, kind_of
from index.articles import Article, Span
from index.dedup import clustering
from index.dedup.similarity import THRESHOLDS, Measures, Ratio, Thresholds, decide, measures
from index.storage.database import Database
from index.storage.schema import TABLES

ROOT = Path(__file__).parent.parent
NEWS_STORY = (0, 3, 4)
"""Which of the news, in the order of their file names, tell one story."""
SETS = ("xquad/ar", "xquad/en", "arcd")
SIZES = (1_000, 3_000, 10_000)
_LINES = 20
CONTAINMENTS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
RETOLDS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3)
AGREEMENTS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8)


@dataclass(frozen=True)
class Pair:
    """Two articles of one index by number, what they are, and in which half (`None`: in none)."""

    collection: str
    a: int
    b: int
    kind: PairKind
    calibrates: bool | None
    measured: Measures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("news", type=Path)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "eval" / "stories")
    options = parser.parse_args()
    build(options.news, options.bench, options.work)
    result = evaluate(options.work) | {"cost": [cost(size) for size in SIZES]}
    (ROOT / "benchmarks" / "results" / "stories.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(json.dumps(result, indent=2))


def build(news: Path, bench: Path, work: Path) -> None:
    """Three indexes in `work`, made by the product: `news`, `encyclopaedia` and `cases`."""
    from index.indexer import update_index
    from ui.app import App
    from ui.config import load_config

    embedder = App(load_config()).components.embedder
    update_index(work / "news", [news], embedder)
    update_index(work / "encyclopaedia", [bench / name / "articles.jsonl" for name in SETS], embedder)
    update_index(work / "samples", [ROOT / "samples" / "articles"], embedder)
    made = work / "cases.jsonl"
    lines = (
        json.dumps({"id": case.id, "title": case.title, "lang": case.language, "text": case.text}, ensure_ascii=False)
        for case in cases(read_samples(work))
    )
    made.write_text("\n".join(lines) + "\n", "utf-8")
    update_index(work / "cases", [made], embedder)


def read_samples(work: Path) -> list[Article]:
    rows = _open(work, "samples").rows("SELECT id, title, text, language, ignored FROM articles ORDER BY id")
    return [
        Article(name, title, text, language, ignored=tuple(Span(*span) for span in json.loads(ignored)))
        for name, title, text, language, ignored in rows
    ]


def _open(work: Path, name: str) -> Database:
    return Database(work / name / "catalog.sqlite", writable=False)


# Pairs


def evaluate(work: Path) -> dict[str, Any]:
    """The figures of the indexes in `work`."""
    pairs = [*_news(work), *_encyclopaedia(work), *_cases(work)]
    tuning = [pair for pair in pairs if pair.calibrates]
    testing = [pair for pair in pairs if pair.calibrates is False]
    links = {name: set(_open(work, name).rows("SELECT a, b FROM story_links")) for name in COLLECTIONS}
    told = {name: dict(_open(work, name).rows("SELECT number, story FROM articles")) for name in COLLECTIONS}
    return {
        "thresholds": asdict(THRESHOLDS),
        "calibration": calibrate(tuning),
        "calibration_half": scores(tuning, _decided),
        "test_half": scores(testing, _decided),
        "test_half_without_numbers": scores(testing, lambda pair: _decided(pair, Thresholds(agreement=0.0))),
        "margins": margins(pairs),
        "linked_in_the_index": scores(testing, lambda pair: (pair.a, pair.b) in links[pair.collection]),
        "grouped": scores(testing, lambda pair: told[pair.collection][pair.a] == told[pair.collection][pair.b]),
        "news_groups": _groups(told["news"]),
    }


COLLECTIONS = ("news", "encyclopaedia", "cases")


def _decided(pair: Pair, least: Thresholds = THRESHOLDS) -> bool:
    return decide(pair.measured, least) is not None


def _news(work: Path) -> Iterator[Pair]:
    rows = _open(work, "news").rows("SELECT number FROM articles ORDER BY path")
    place = {number: place for place, (number,) in enumerate(rows)}

    def label(a: int, b: int) -> tuple[PairKind | None, bool | None]:
        return ("retelling" if {place[a], place[b]} <= set(NEWS_STORY) else "other"), False

    return _pairs(work, "news", label)


def _encyclopaedia(work: Path) -> Iterator[Pair]:
    # An id ends with the article's number in its set; the parts of xquad are parallel.
    of = {
        number: name.rsplit("-", 1)
        for number, name in _open(work, "encyclopaedia").rows("SELECT number, id FROM articles")
    }

    def label(a: int, b: int) -> tuple[PairKind | None, bool | None]:
        (set_a, place_a), (set_b, place_b) = of[a], of[b]
        halves = {int(place_a) % 2, int(place_b) % 2}
        kind: PairKind = "translation" if place_a == place_b and "arcd" not in (set_a, set_b) else "other"
        return kind, (halves == {0}) if len(halves) == 1 else None

    return _pairs(work, "encyclopaedia", label)


def _cases(work: Path) -> Iterator[Pair]:
    by_id = {case.id: case for case in cases(read_samples(work))}
    of: dict[int, Case] = {n: by_id[name] for n, name in _open(work, "cases").rows("SELECT number, id FROM articles")}
    subjects = sorted({case.subject.split()[0] for case in by_id.values()})
    half = {subject: place % 2 for place, subject in enumerate(subjects)}

    def label(a: int, b: int) -> tuple[PairKind | None, bool | None]:
        halves = {half[of[number].subject.split()[0]] for number in (a, b)}
        return kind_of(of[a], of[b]), (halves == {0}) if len(halves) == 1 else None

    return _pairs(work, "cases", label)


def _pairs(work: Path, name: str, label: Callable[[int, int], tuple[PairKind | None, bool | None]]) -> Iterator[Pair]:
    store = _open(work, name)
    views = {number: clustering.load_view(store, number) for (number,) in store.rows("SELECT number FROM articles")}
    for a, b in itertools.combinations(sorted(views), 2):
        kind, calibrates = label(a, b)
        if kind is not None:
            yield Pair(name, a, b, kind, calibrates, measures(views[a], views[b]))


# Figures


def calibrate(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The best F1 on `pairs` over the grid, and the range of each threshold in which it stays so, the others held."""
    grid = {
        least: _f1(pairs, lambda pair, least=least: _decided(pair, least))
        for least in itertools.starmap(Thresholds, itertools.product(CONTAINMENTS, RETOLDS, AGREEMENTS))
    }
    best = max(grid.values())
    ranges = {}
    for name in asdict(THRESHOLDS):
        held = [
            getattr(least, name)
            for least, f1 in grid.items()
            if f1 >= best - 0.002
            and all(
                getattr(least, other) == getattr(THRESHOLDS, other) for other in asdict(THRESHOLDS) if other != name
            )
        ]
        ranges[name] = [min(held), max(held)] if held else None
    return {"best_f1": best, "within_0.002": ranges}


def scores(pairs: Sequence[Pair], linked: Callable[[Pair], bool]) -> dict[str, Any]:
    """Precision, recall and F1 over all pairs; recall by kind, and false links by kind."""
    total = Counter(pair.kind for pair in pairs)
    found = Counter(pair.kind for pair in pairs if linked(pair))
    by_kind = {kind: {"pairs": total[kind], "linked": found[kind]} for kind in sorted(total)}
    right, wrong = _right_and_wrong(found)
    positive = sum(total[kind] for kind in POSITIVE)
    return {
        "precision": round(right / (right + wrong), 4) if right + wrong else None,
        "recall": round(right / positive, 4) if positive else None,
        "f1": _f1(pairs, linked),
        "by_kind": by_kind,
    }


def _f1(pairs: Sequence[Pair], linked: Callable[[Pair], bool]) -> float:
    right, wrong = _right_and_wrong(Counter(pair.kind for pair in pairs if linked(pair)))
    positive = sum(pair.kind in POSITIVE for pair in pairs)
    return round(2 * right / (right + wrong + positive), 4) if positive else 0.0


def _right_and_wrong(found: Counter[PairKind]) -> tuple[int, int]:
    right = sum(found[kind] for kind in POSITIVE)
    return right, sum(found.values()) - right


def margins(pairs: Sequence[Pair]) -> dict[str, dict[str, Any]]:
    """Lowest of the positive kinds, highest of the negative ones: what is left for the thresholds."""
    found: dict[str, dict[str, Any]] = {}
    for kind in sorted({pair.kind for pair in pairs}):
        of = [pair.measured for pair in pairs if pair.kind == kind]
        counted = [m.paired_numbers for m in of if m.paired_numbers.compared >= 2]
        counted += [max(m.worded_numbers, key=_share) for m in of if min(c.compared for c in m.worded_numbers) >= 2]
        found[kind] = {
            "containment": _spread((m.containment for m in of), kind in POSITIVE),
            "retold_in_two_pairs": _spread((m.retold for m in of if m.pairs >= 2), kind in POSITIVE),
            "agreement": _spread(map(_share, counted), kind in POSITIVE),
        }
    return found


def _share(counted: Ratio) -> float:
    return counted.met / counted.compared


def _spread(values: Iterable[float], lowest: bool) -> list[float]:
    """The five values nearest to the threshold."""
    return [round(value, 3) for value in sorted(values, reverse=not lowest)[:5]]


def _groups(story: dict[int, int]) -> list[list[int]]:
    ordered = sorted(story)
    return [[ordered.index(n) for n in ordered if story[n] == one] for one in sorted(set(story.values()))]


# Cost


def cost(size: int, dimension: int = 768) -> dict[str, Any]:
    """Seconds to join `size` synthetic articles at once, a fifth of them retellings or copies, and then 20 more."""
    from faiss import METRIC_INNER_PRODUCT, IndexFlatIP, IndexIVFFlat

    with tempfile.TemporaryDirectory() as folder:
        store = Database(Path(folder) / "catalog.sqlite", writable=True)
        vectors = _synthetic(store, size, dimension)
        index = IndexIVFFlat(IndexFlatIP(dimension), dimension, max(1, int(size**0.5)), METRIC_INNER_PRODUCT)
        index.train(vectors)
        index.add(vectors)
        index.nprobe = 8
        searching = 0.0

        def nearest(vector: Any, k: int) -> list[tuple[int, float]]:
            nonlocal searching
            started = time.perf_counter()
            cosines, numbers = index.search(vector[np.newaxis], k)
            searching += time.perf_counter() - started
            return [(int(n) + 1, float(c)) for n, c in zip(numbers[0], cosines[0], strict=True) if n >= 0]

        def seconds(numbers: Sequence[int]) -> tuple[float, float]:
            nonlocal searching
            searching, started = 0.0, time.perf_counter()
            with store.transaction():
                clustering.assign_stories(store, numbers, nearest)
            return time.perf_counter() - started - searching, searching

        everything = clustering.unassigned(store)
        first, later = everything[:-20], everything[-20:]
        whole, search = seconds(first)
        more, _ = seconds(later)
        links = store.rows("SELECT count(*) FROM story_links")[0][0]
        told = store.rows("SELECT count(*) FROM (SELECT 1 FROM articles GROUP BY story HAVING count(*) > 1)")[0][0]
        store.close()
    return {
        "articles": size,
        "ms_an_article": round(1000 * whole / len(first), 2),
        "ms_an_article_added_later": round(1000 * more / len(later), 2),
        "ms_of_vector_search_an_article": round(1000 * search / len(first), 2),
        "links": links,
        "stories_of_several": told,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _synthetic(store: Database, size: int, dimension: int) -> Any:
    """Fill `store`: of ten articles one retells the one before it and one repeats that in another order."""
    chosen = np.random.default_rng(5)
    words = ["".join(letters) for letters in itertools.islice(itertools.product("abcdefghijkl", repeat=5), 50_000)]
    frequency = 1 / np.arange(2, len(words) + 2)
    frequency /= frequency.sum()
    with store.transaction():
        for statement in TABLES:
            store.execute(statement)
        vectors: list[Any] = []
        texts: list[str] = []
        amounts = chosen.integers(0, 10_000, _LINES)
        sentences = np.zeros((0, dimension), np.float32)
        for number in range(1, size + 1):
            what = number % 10
            if what == 9:
                texts = _sentences(chosen, words, frequency, amounts)
                sentences = _unit(sentences + chosen.normal(0, 0.5 / dimension**0.5, sentences.shape))
            elif what == 0:
                order = chosen.permutation(len(texts))
                texts, sentences = [texts[place] for place in order], sentences[order]
            else:
                amounts = chosen.integers(0, 10_000, _LINES)
                texts = _sentences(chosen, words, frequency, amounts)
                topic = _unit(chosen.normal(0, 1, (1, dimension)))
                sentences = _unit(topic + _unit(chosen.normal(0, 1, (len(texts), dimension))))
            vectors += _put(store, number, texts, sentences)
    return np.stack(vectors)


def _sentences(chosen: np.random.Generator, words: Sequence[str], frequency: Any, amounts: Any) -> list[str]:
    drawn = chosen.choice(len(words), (_LINES, 18), p=frequency)
    return [f"{' '.join(words[place] for place in row)} {amount}" for row, amount in zip(drawn, amounts, strict=True)]


def _unit(rows: Any) -> Any:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _put(store: Database, number: int, texts: Sequence[str], sentences: Any) -> list[Any]:
    """One article of three passages; returns their vectors."""
    text = " ".join(texts)
    store.execute(
        """INSERT INTO articles (number, id, path, title, text, language, ignored, digest, fingerprint, checksum)
        VALUES (?, ?, '', '', ?, 'en', '[]', '', '', 0)""",
        number, str(number), text,
    )  # fmt: skip
    starts = np.cumsum([0, *(len(one) + 1 for one in texts)])
    vectors = []
    for part, places in enumerate(np.array_split(np.arange(len(texts)), 3)):
        start, end = int(starts[places[0]]), int(starts[places[-1] + 1]) - 1
        spans = [(int(starts[p]) - start, int(starts[p + 1]) - 1 - start) for p in places]
        vector = _unit(sentences[places].mean(axis=0, keepdims=True))[0]
        key = f"{number}-{part}"
        store.execute(
            "INSERT INTO embeddings VALUES (?, ?, ?, ?, 0)",
            key, vector.astype(np.float16).tobytes(), sentences[places].astype(np.float16).tobytes(), json.dumps(spans),
        )  # fmt: skip
        store.execute(
            """INSERT INTO passages (article, start, "end", language, embedding) VALUES (?, ?, ?, 'en', ?)""",
            number, start, end, key,
        )  # fmt: skip
        vectors.append(vector)
    return vectors


if __name__ == "__main__":
    main()
