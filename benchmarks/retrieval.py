"""What each part of search earns: vectors, keywords, both; every step of the words switched off; every weight.

    python -m benchmarks.retrieval BENCH_FOLDER [--work FOLDER]

BENCH_FOLDER holds the sets `xquad/ar`, `xquad/en`, `xquad/ar-over-en`, `xquad/en-over-ar`, `arcd`, `abstain/ar` and
`abstain/en`; questions without an answer are left out. Each set is asked over its own articles, and those of the
first five also over articles of several sets together, which is harder. A hit is a passage that holds a whole answer.

The weight of keywords is chosen on half of the articles' questions ("dev") and reported on the other half ("rest")
too. Figures are saved under benchmarks/results; what people judged about single misses is kept there by ids.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from tqdm import tqdm

from index.embeddings import Embedder, Vectors
from index.indexer import update_index
from index.retrieval.bm25 import index_terms, keyword_search
from index.retrieval.cross_script_names import name_keys
from index.retrieval.fusion import LEXICAL_WEIGHT, fuse, fuse_by_rank
from index.retriever import Retriever
from index.storage.catalog import Catalog
from index.text.words import ALL, NormalizationSteps
from qa.evaluation.question_set import read_set
from ui.app import App
from ui.config import load_config

OWN = {
    "xquad/ar": "xquad/ar",
    "xquad/en": "xquad/en",
    "xquad/ar-over-en": "xquad/en",
    "xquad/en-over-ar": "xquad/ar",
    "arcd": "arcd",
    "abstain/ar": "abstain/ar",
    "abstain/en": "abstain/en",
}
"""Sets of questions, and the sets whose articles they are about."""
POOLS = {"arabic": ("xquad/ar", "arcd"), "all": ("xquad/ar", "arcd", "xquad/en")}
POOLED = (
    ("xquad/ar", "arabic"),
    ("arcd", "arabic"),
    ("xquad/en-over-ar", "arabic"),
    ("arcd", "all"),
)
"""Without abstain, whose articles are XQuAD's, and without XQuAD in "all", where the parallel article answers too."""
STEPS_OFF = {
    "nothing off": ALL,
    "alefs and hamzas": replace(ALL, alefs=False),
    "taa marbuta, alef maqsura": replace(ALL, endings=False),
    "tashkeel, tatweel": replace(ALL, marks=False),
    "digits": replace(ALL, digits=False),
    "clitics": replace(ALL, clitics=False, prepositions=False),
    "prepositions alone": replace(ALL, prepositions=False),
    "Arabic stem": replace(ALL, arabic="none"),
    "Snowball for Light10": replace(ALL, arabic="snowball"),
    "English stem": replace(ALL, english=False),
    "all off": NormalizationSteps(False, False, False, False, False, False, "none", False),
}
WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1.0)
RANK_WEIGHTS = (0.2, 0.5, 1.0)
DEPTH = 50
"""Passages that each of the two ways of searching puts forward, as in `index/retriever.py`."""

Found = list[tuple[int, float]]
Ranking = Callable[[Found, Found], Found]


@dataclass(frozen=True)
class Passage:
    """`article` is an id with the name of its set before it."""

    article: str
    start: int
    end: int
    text: str
    """With the title, as it is indexed."""


@dataclass(frozen=True)
class Collection:
    """Passages and their vectors, shape (passages, dimension)."""

    passages: tuple[Passage, ...]
    vectors: Vectors


@dataclass(frozen=True)
class Question:
    id: str
    text: str
    article: str
    answers: tuple[tuple[int, int], ...]
    vector: Vectors

    @property
    def is_dev(self) -> bool:
        """Whether weights may be chosen by it; all questions about an article are in one half."""
        return hashlib.sha256(self.article.partition("|")[2].encode()).digest()[0] % 2 == 0

    def is_answered_by(self, passage: Passage) -> bool:
        return passage.article == self.article and any(
            passage.start <= start and end <= passage.end for start, end in self.answers
        )


@dataclass(frozen=True)
class Case:
    """A question over a collection: what each way of searching puts forward, and the passages that answer."""

    question: Question
    dense: Found
    lexical: Found
    answering: frozenset[int]

    def rank(self, ranking: Ranking) -> int:
        """The place of the first passage that answers, from 0; 99 where none is among ten."""
        numbers = [number for number, _ in ranking(self.dense, self.lexical)[:10]]
        return next((place for place, number in enumerate(numbers) if number in self.answering), 99)


def collection(name: str, bench: Path, work: Path, embedder: Embedder) -> Collection:
    """The articles of a set, indexed as the product does it."""
    index = work / name / "index"
    update_index(index, [read_set(bench / name).articles], embedder)
    catalog = Catalog.open(index)
    rows = catalog.rows(
        """SELECT a.id, p.start, p."end", a.title, a.text, e.passage FROM passages p
        JOIN articles a ON a.number = p.article JOIN embeddings e ON e.key = p.embedding ORDER BY p.number"""
    )
    passages = [
        Passage(f"{name}|{article}", start, end, f"{title}\n{text[start:end]}")
        for article, start, end, title, text, _ in rows
    ]
    vectors = np.frombuffer(b"".join(row[5] for row in rows), dtype=np.float16).astype(np.float32)
    return Collection(tuple(passages), vectors.reshape(len(rows), -1))


def pooled(parts: Sequence[Collection]) -> Collection:
    return Collection(
        tuple(passage for part in parts for passage in part.passages),
        np.concatenate([part.vectors for part in parts]),
    )


def questions(name: str, bench: Path, work: Path, embedder: Embedder) -> list[Question]:
    """The answerable questions of a set; their vectors are kept in `work`."""
    asked = [question for question in read_set(bench / name).questions if question.get("answers")]
    texts = [question["question"] for question in asked]
    digest = hashlib.sha256("\0".join([embedder.fingerprint, *texts]).encode()).hexdigest()[:16]
    kept = work / "questions" / f"{digest}.npy"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, embedder.embed_queries(texts))
    return [
        Question(
            question["id"],
            question["question"],
            f"{OWN[name]}|{question['article_id']}",
            tuple((answer["start"], answer["end"]) for answer in question["answers"]),
            vector,
        )
        for question, vector in zip(asked, np.load(kept), strict=True)
    ]


def keyword_table(passages: Sequence[Passage], steps: NormalizationSteps) -> Callable[..., list[tuple[Any, ...]]]:
    """The catalogue's two tables of words, in memory."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE keywords USING fts5(words)")
    connection.execute("CREATE TABLE names (key TEXT, word TEXT, PRIMARY KEY (key, word)) WITHOUT ROWID")
    for number, passage in enumerate(passages, start=1):
        connection.execute(
            "INSERT INTO keywords (rowid, words) VALUES (?, ?)", (number, index_terms(passage.text, steps))
        )
        connection.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", name_keys(passage.text))
    return lambda statement, *values: connection.execute(statement, values).fetchall()


def search(
    asked: Sequence[Question], over: Collection, steps: NormalizationSteps = ALL, across: bool = True
) -> list[Case]:
    rows = keyword_table(over.passages, steps)
    cases = []
    for question in asked:
        cosines = over.vectors @ question.vector
        nearest = np.argsort(-cosines)[:DEPTH]
        lexical = keyword_search(rows, question.text, DEPTH, steps=steps, across=across)
        # Search knows the cosine of every passage that keywords put forward: it is read from the catalogue.
        known = {*(nearest + 1).tolist(), *(number for number, _ in lexical)}
        dense = sorted(((number, float(cosines[number - 1])) for number in known), key=lambda scored: -scored[1])
        answering = (n for n, passage in enumerate(over.passages, start=1) if question.is_answered_by(passage))
        cases.append(Case(question, dense, lexical, frozenset(answering)))
    return cases


def hits(cases: Sequence[Case], ranking: Ranking) -> dict[str, float]:
    """hit@k for k = 1, 5, 10."""
    ranks = [case.rank(ranking) for case in cases]
    return {f"hit@{k}": round(sum(rank < k for rank in ranks) / max(len(ranks), 1), 4) for k in (1, 5, 10)}


def by_vectors(dense: Found, lexical: Found) -> Found:
    return dense


def by_keywords(dense: Found, lexical: Found) -> Found:
    return lexical


def by_both(weight: float = LEXICAL_WEIGHT) -> Ranking:
    return lambda dense, lexical: fuse(dense, lexical, 10, weight)


def by_ranks(weight: float) -> Ranking:
    return lambda dense, lexical: fuse_by_rank(dense, lexical, 10, weight)


def measure(asked: Sequence[Question], over: Collection) -> dict[str, Any]:
    """All figures of one set of questions over one collection."""
    cases = search(asked, over)
    without_names = search(asked, over, across=False)
    dev = [case for case in cases if case.question.is_dev]
    rest = [case for case in cases if not case.question.is_dev]
    return {
        "questions": len(cases),
        "passages": len(over.passages),
        "vectors": hits(cases, by_vectors),
        "keywords": hits(cases, by_keywords),
        "both": hits(cases, by_both()),
        "halves": {
            name: {"questions": len(half), "vectors": hits(half, by_vectors), "both": hits(half, by_both())}
            for name, half in (("dev", dev), ("rest", rest))
        },
        "weights_dev": {str(weight): hits(dev, by_both(weight)) for weight in WEIGHTS},
        "weights_rest": {str(weight): hits(rest, by_both(weight)) for weight in WEIGHTS},
        "reciprocal_ranks": {str(weight): hits(cases, by_ranks(weight)) for weight in RANK_WEIGHTS},
        "names_off": {"keywords": hits(without_names, by_keywords), "both": hits(without_names, by_both())},
    }


def steps_off(asked: Sequence[Question], over: Collection) -> dict[str, Any]:
    """Keywords and both, with one step of the words off at a time."""
    figures = {}
    for name, steps in STEPS_OFF.items():
        cases = search(asked, over, steps)
        figures[name] = {"keywords": hits(cases, by_keywords), "both": hits(cases, by_both())}
    return figures


def misses(asked: Sequence[Question], over: Collection, most: int = 30) -> list[str]:
    """The ids of the first questions whose answer is in none of the five best passages."""
    return [case.question.id for case in search(asked, over) if case.rank(by_both()) >= 5][:most]


def product(name: str, bench: Path, work: Path, embedder: Embedder) -> dict[str, float]:
    """What `jawab ask` finds: the whole way, with quoted phrases and all that a question may have."""
    retriever = Retriever(work / OWN[name] / "index", embedder)
    ranks = []
    for question in questions(name, bench, work, embedder):
        hits = retriever.search(question.text, 10, literally=False)
        found = [Passage(f"{OWN[name]}|{hit.article.id}", hit.passage.start, hit.passage.end, "") for hit in hits]
        ranks.append(next((place for place, one in enumerate(found) if question.is_answered_by(one)), 99))
    retriever.catalog.close()
    return {f"hit@{k}": round(sum(rank < k for rank in ranks) / len(ranks), 4) for k in (1, 5, 10)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "retrieval")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/retrieval.json"))
    args = parser.parse_args()
    embedder = App(load_config()).components.embedder
    collections = {name: collection(name, args.bench, args.work, embedder) for name in sorted(set(OWN.values()))}
    collections |= {name: pooled([collections[part] for part in parts]) for name, parts in POOLS.items()}
    asked = {name: questions(name, args.bench, args.work, embedder) for name in OWN}
    whole = {name: product(name, args.bench, args.work, embedder) for name in tqdm(OWN)}
    report(collections, asked, whole, embedder.name, args.out)


def report(
    collections: dict[str, Collection],
    asked: dict[str, list[Question]],
    whole: dict[str, dict[str, float]],
    embedder: str,
    out: Path,
) -> None:
    """Measure everything, save it and print the tables."""
    pairs = [*OWN.items(), *POOLED]
    results: dict[str, Any] = {
        "embedder": embedder,
        "keyword_weight": LEXICAL_WEIGHT,
        "product": whole,
        "sets": {_named(name, over): measure(asked[name], collections[over]) for name, over in tqdm(pairs)},
        "steps_off": {name: steps_off(asked[name], collections[over]) for name, over in tqdm(OWN.items())},
        "arcd_misses": misses(asked["arcd"], collections["arcd"]),
    }
    if out.is_file():
        results["arcd_misses_judged"] = json.loads(out.read_text(encoding="utf-8")).get("arcd_misses_judged", {})
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("the product: " + ", ".join(f"{name} {_shown(figures)}" for name, figures in whole.items()))
    print(
        "hit@1 / hit@5 / hit@10\n\n| set | vectors | keywords | both | both, names off | ranks |\n"
        "|---|---|---|---|---|---|"
    )
    for name, figures in results["sets"].items():
        columns = [figures[way] for way in ("vectors", "keywords", "both")]
        columns += [figures["names_off"]["both"], figures["reciprocal_ranks"]["1.0"]]
        print(f"| {name} | {' | '.join(map(_shown, columns))} |")
    print(f"\n| off | {' | '.join(OWN)} |\n|---|{'---|' * len(OWN)}")
    for way in ("keywords", "both"):
        for step in STEPS_OFF:
            print(f"| {way}: {step} | {' | '.join(_shown(results['steps_off'][name][step][way]) for name in OWN)} |")


def _named(name: str, over: str) -> str:
    return name if OWN[name] == over else f"{name} in {over}"


def _shown(figures: dict[str, float]) -> str:
    return " / ".join(f"{value:.3f}" for value in figures.values())


if __name__ == "__main__":
    main()
