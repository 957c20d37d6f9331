"""Ways of reading that need no other training: what is put into one input, and by what the answer is chosen.

    python -m benchmarks.reader_ablation BENCH_FOLDER --weights FILE [--work FOLDER] [--limit 60]

Questions about articles that the reader was not trained on, over the whole sets, drawn at random. Every way reads the
same passages; tokens and seconds are those of the reader alone. Figures are saved under benchmarks/results. Needs the
extra `benchmarks`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from tqdm import tqdm

from benchmarks.heldout_questions import Row, drawn, retriever_of, scores
from index.articles import Span
from index.embeddings import SentenceTransformerEmbedder
from index.retriever import Hit, Retriever
from qa.evidence import rank_sentences
from qa.reader.base import Context
from qa.reader.excerpts import Excerpt, excerpts
from qa.reader.extractive_qa import BUDGET, probability
from qa.reader.lora_reader import LoRAReader
from qa.reader.tokenization import LONGEST
from qa.training.course import SETS
from qa.training.train import default_embedder

PASSAGES = 5
"""Passages that are read whole."""


@dataclass(frozen=True)
class Stretch:
    """What was read at one go: its text, where it stands, and what it is worth as evidence."""

    text: str
    article: str
    span: Span
    evidence: float
    tokens: int


@dataclass(frozen=True)
class Found:
    """The best phrase of a stretch, its score, and that of "not here"."""

    stretch: Stretch
    phrase: str
    score: float
    none: float
    answerable: float


Choose = Callable[[Found], float]

CHOICES: dict[str, Choose] = {
    "span score": lambda found: found.score,
    "margin": lambda found: found.score - found.no_answer_score,
    "margin and evidence": lambda found: probability(
        found.score - found.no_answer_score, found.stretch.evidence, found.answerable
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("jawab") / "reader")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/ways-of-reading.json"))
    parser.add_argument("--limit", type=int, default=60, help="questions of each set")
    given = parser.parse_args()
    embedder = SentenceTransformerEmbedder(default_embedder())
    reader = LoRAReader.of(given.weights, embedder, "reader")
    if reader is None:
        raise SystemExit("the weights are for another embedder")
    figures = {}
    for name in SETS:
        retriever = retriever_of(name, given.bench, given.work, embedder)
        asked = drawn(given.bench, name, given.limit)
        rows = [measure(question, retriever, reader) for question in tqdm(asked, desc=name, mininterval=10)]
        figures[name] = {
            measured: round(float(np.mean([row[measured] for row in rows if measured in row])), 4)
            for measured in rows[0]
        }
    given.out.write_text(json.dumps({"questions": given.limit, "sets": figures}, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def measure(question: Row, retriever: Retriever, reader: LoRAReader) -> dict[str, float]:
    hits = retriever.search(question["question"], literally=False)
    asked = reader.count_tokens(question["question"])
    cut = list(within(excerpts(question["question"], hits, reader.count_tokens), reader, asked))
    ways = {
        "excerpts, one by one": cut,
        "excerpts, as many as fit in one input": joined(cut, asked),
        "whole passages, one by one": [whole(question["question"], hit, reader) for hit in hits[:PASSAGES]],
    }
    row: dict[str, float] = {}
    read = {}
    for way, stretches in ways.items():
        start = time.perf_counter()
        read[way] = findings(question["question"], stretches, reader)
        row[f"{way}: seconds"] = time.perf_counter() - start
        row[f"{way}: tokens"] = sum(stretch.tokens + asked for stretch in stretches)
        for chosen_by, choose in CHOICES.items():
            row[f"{way}: f1 by {chosen_by}"] = scores(question, max(read[way], key=choose).phrase)[0]
        row[f"{way}: f1 of the first"] = scores(question, read[way][0].phrase)[0]
    passages = read["whole passages, one by one"]
    row["passages: hit@1 as found"] = float(holds(passages[0], question))
    row["passages: hit@1 by margin"] = float(holds(max(passages, key=CHOICES["margin"]), question))
    both = max(passages, key=CHOICES["margin and evidence"])
    row["passages: hit@1 by margin and evidence"] = float(holds(both, question))
    row["passages: hit@5"] = float(any(holds(passage, question) for passage in passages))
    return row


def within(found: Sequence[Excerpt] | Any, reader: LoRAReader, asked: int) -> list[Stretch]:
    """The excerpts that the product would read, were it never sure."""
    chosen: list[Stretch] = []
    for excerpt in islice(found, 50):
        tokens = reader.count_tokens(excerpt.text)
        if chosen and sum(one.tokens + asked for one in chosen) + tokens + asked > BUDGET:
            break
        chosen.append(Stretch(excerpt.text, excerpt.article.id, excerpt.span, excerpt.best.score, tokens))
    return chosen


def joined(stretches: Sequence[Stretch], asked: int) -> list[Stretch]:
    """The same text in as few inputs as it fits in; an input is worth as much as its first stretch."""
    inputs: list[list[Stretch]] = []
    for stretch in stretches:
        if inputs and sum(one.tokens + 1 for one in inputs[-1]) + stretch.tokens + asked < LONGEST - 16:
            inputs[-1].append(stretch)
        else:
            inputs.append([stretch])
    return [
        Stretch(
            "\n".join(s.text for s in one), one[0].article, one[0].span, one[0].evidence, sum(s.tokens for s in one)
        )
        for one in inputs
    ]


def whole(question: str, hit: Hit, reader: LoRAReader) -> Stretch:
    span = Span(hit.passage.start, hit.passage.end)
    text = hit.article.text[span.start : span.end]
    return Stretch(text, hit.article.id, span, rank_sentences(question, [hit])[0].score, reader.count_tokens(text))


def findings(question: str, stretches: Sequence[Stretch], reader: LoRAReader) -> list[Found]:
    readings = reader.read(question, [Context(stretch.text) for stretch in stretches])
    return [
        Found(
            stretch,
            stretch.text[best.span.start : best.span.end],
            best.score,
            reading.no_answer_score,
            reading.answerable,
        )
        for stretch, reading in zip(stretches, readings, strict=True)
        for best in reading.spans[:1]
    ]


def holds(found: Found, question: Row) -> bool:
    """Whether the stretch holds an answer of the question, where it stands."""
    return found.stretch.article == question["article_id"] and any(
        found.stretch.span.start <= gold["start"] and gold["end"] <= found.stretch.span.end
        for gold in question["answers"]
    )


if __name__ == "__main__":
    main()
