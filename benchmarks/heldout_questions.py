"""Held-out questions: about articles that nothing was trained on, over whole sets."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from index.embeddings import Embedder, SentenceTransformerEmbedder
from index.indexer import update_index
from index.retriever import Retriever
from qa.evaluation.metrics import phrase_scores
from qa.evaluation.question_set import read_set
from qa.reader.base import Context, Reader, ReaderOutput
from qa.reader.lora_reader import LoRAReader
from qa.training.examples import is_for_validation

ABSTAIN = ("abstain/ar", "abstain/en")
RIGHT = 0.5
"""The F1 from which an answer counts as right, where sureness is fitted."""
_ARTICLES = {"xquad/ar-over-en": "xquad/en", "xquad/en-over-ar": "xquad/ar"}
"""The set whose articles a crossing asks about."""

Row = dict[str, Any]


class UntitledReader:
    """Reader that is given excerpts without title and date: for weights that were trained without them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.name = reader.name

    def prepare(self) -> None:
        self._reader.prepare()

    def count_tokens(self, text: str) -> int:
        return self._reader.count_tokens(text)

    def read(self, question: str, contexts: Sequence[Context]) -> list[ReaderOutput]:
        return self._reader.read(question, [Context(context.text) for context in contexts])


def load_reader(weights: Path, embedder: SentenceTransformerEmbedder, untitled: bool = False) -> Reader:
    """The reader of a weights file; with `untitled`, without titles and dates. Ends the program if it does not fit."""
    reader = LoRAReader.of(weights, embedder, weights.name)
    if reader is None:
        raise SystemExit("the weights are for another embedder")
    return UntitledReader(reader) if untitled else reader


def retriever_of(name: str, bench: Path, work: Path, embedder: Embedder) -> Retriever:
    """Search over the whole of a set, indexed in `work` where it is not yet."""
    name = _ARTICLES.get(name, name)
    index = work / name / "index"
    update_index(index, [read_set(bench / name).articles], embedder)
    return Retriever(index, embedder)


def heldout_questions(bench: Path, name: str) -> Iterator[Row]:
    """The questions about articles that were kept from training; of abstain also those about other subjects."""
    held_out: set[str] = set()
    for each in ("xquad/ar", "xquad/en") if name in ABSTAIN else (name,):
        chosen = read_set(bench / each)
        lines = chosen.articles.read_text(encoding="utf-8").splitlines()
        numbers = {json.loads(line)["id"]: number for number, line in enumerate(lines)}
        held_out |= {q["id"] for q in chosen.questions if is_for_validation(numbers[q["article_id"]])}
    for question in read_set(bench / name).questions:
        if question["id"] in held_out or question.get("kind") == "other subject":
            yield question


def drawn(bench: Path, name: str, limit: int) -> list[Row]:
    """Up to `limit` of a set's questions, at random, the same in every run."""
    asked = list(heldout_questions(bench, name))
    return random.Random(0).sample(asked, min(limit, len(asked)))


def half_of(question: Row) -> int:
    """One half to fit on and one to report on. Questions in several languages are one question: all in one half."""
    return sum(map(ord, question["id"].split("-")[0])) % 2


def golds_of(question: Row) -> Sequence[str]:
    """The right answers, in the article's language and in the question's; none where the articles do not answer."""
    return [a["text"] for a in question.get("answers", [])] + question.get("answers_in_question_language", [])


def scores(question: Row, said: str) -> tuple[float, float]:
    """F1 and exact match; nothing is right where the articles do not answer."""
    return phrase_scores(said, golds_of(question))
