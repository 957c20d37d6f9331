"""Texts that the injection classifier learns from: ordinary passages, and lines that command put among them.

Ordinary are the articles of families (`families.py`), the paragraphs of question sets (those for training), of files of
the mixture (`qa/training/reader_data.py`) and of news (`parallel/ntrex-ar-en.tsv.gz`), and what is written in
`commands/`: `ordinary` lines that look like commands, and `texts` of several lines (recipes, lists, minutes, repeated
phrases), between blank lines. A command is put among sentences of these, for a sentence's vector knows its neighbours.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Literal

from index.articles import Article, Language, Span
from index.embeddings import PassageText
from index.text.chunker import split_passages
from index.text.language import detect_language
from index.text.sentences import sentences
from qa.training.examples import load_set
from qa.training.families import Table

LANGUAGES: tuple[Language, ...] = ("en", "ar")
SETS: Mapping[Language, Sequence[str]] = {"en": ("xquad/en",), "ar": ("xquad/ar", "arcd")}
MIXTURE: Mapping[Language, Mapping[str, int]] = {
    "en": {"squad-train-en": 800, "fairytaleqa-en": 900, "policyqa-en": 400, "covidqa-en": 300, "afriqa-en": 300},
    "ar": {"tydiqa-ar": 2200},
}
"""Sentences that are sampled from each file. The others (tydiqa-en, nq-qed-en, mlqa-ar, …) are for measuring."""
NEWS = "parallel/ntrex-ar-en.tsv.gz"
NEWS_SENTENCES = 600
"""Sentences of news in each language."""
NEIGHBOURS = 2
"""Most sentences on each side of a line."""
_COMMAND_BESIDE = 0.3
"""Share of commands that have another one beside them."""
_LOOKALIKE_AMONG = 0.3
"""Share of lines whose neighbours are `ordinary` lines, not sentences of articles."""
_REPEATED = 0.1
"""Share of `ordinary` lines that are repeated."""
_TITLED = 0.7
_MOST_REPEATS = 6
SEED = 0

Kind = Literal["command", "lookalike", "article"]


@dataclass(frozen=True)
class Labelled:
    """A passage, and the kind of each of its sentences."""

    text: PassageText
    kinds: tuple[Kind, ...]
    language: Language


def lines_of(kind: str, language: Language) -> list[str]:
    """Return the lines of `commands/`: `commands`, or what is `ordinary`."""
    return _written(kind, language).splitlines()


def texts_of(language: Language) -> list[str]:
    """Return the ordinary texts of `commands/`, of several lines each."""
    return _written("texts", language).strip().split("\n\n")


def _written(kind: str, language: Language) -> str:
    return files("qa.training").joinpath("commands", f"{kind}.{language}.txt").read_text(encoding="utf-8")


def training_passages(sets: Path, data: Path, families: Mapping[str, Table]) -> Iterator[Labelled]:
    """Yield the passages of both languages."""
    for language in LANGUAGES:
        articles = [
            *_of_sets(sets, language),
            *_of_mixture(data, language),
            *_of_news(data / NEWS, language),
            *_of_families(families, language),
        ]
        passages = list(_passages(articles, language))
        for passage in passages:
            yield _all_of("article", passage, language)
        for text in texts_of(language):
            yield _all_of("lookalike", passage_text("", text), language)
        yield from LinePlacer(passages, language).placed()


def passage_text(title: str, text: str) -> PassageText:
    return PassageText(title, text, tuple(sentences(text)))


def held_out_passages(sets: Path, language: Language) -> list[PassageText]:
    """Return the paragraphs of the sets' held-out articles."""
    return list(_passages(_of_sets(sets, language, validation=True), language))


def passages_of(families: Mapping[str, Table], language: Language) -> list[PassageText]:
    """Return the passages of the articles of families."""
    return list(_passages(_of_families(families, language), language))


def _of_families(families: Mapping[str, Table], language: Language) -> list[tuple[str, str]]:
    articles = [article for family in families.values() for article in family["articles"]]
    texts = [(article["title"], article["text"].strip()) for article in articles]
    return [(title, text) for title, text in texts if detect_language(text) == language]


def _all_of(kind: Kind, text: PassageText, language: Language) -> Labelled:
    return Labelled(text, (kind,) * len(text.sentences), language)


def _passages(articles: Sequence[tuple[str, str]], language: Language) -> Iterator[PassageText]:
    """Cut articles (title and text) as they are cut for the index."""
    for title, text in articles:
        for span in split_passages(Article("", title, text, language)):
            yield passage_text(title, text[span.start : span.end])


def _of_sets(sets: Path, language: Language, validation: bool = False) -> list[tuple[str, str]]:
    found = [(s.title, s.paragraph) for name in SETS[language] for s in load_set(sets / name, validation)]
    return list(dict.fromkeys(found))


def _of_mixture(data: Path, language: Language) -> Iterator[tuple[str, str]]:
    for name, wanted in MIXTURE[language].items():
        with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            titles = {row["context"]: row.get("title") or "" for row in map(json.loads, lines)}
        contexts = sorted(titles)
        random.Random(SEED).shuffle(contexts)
        count = 0
        for context in contexts:
            if count >= wanted:
                break
            count += len(sentences(context))
            yield titles[context], context


def _of_news(file: Path, language: Language) -> Iterator[tuple[str, str]]:
    """Yield documents: the sentences of one follow each other, tab-separated: document, Arabic, English."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    column = 1 if language == "ar" else 2
    for _, document in groupby(rows[:NEWS_SENTENCES], key=lambda row: row[0]):
        headline, *rest = [row[column] for row in document]
        yield headline, "\n".join(rest)


class LinePlacer:
    """Puts the lines of `commands/` among sentences. Seeded."""

    def __init__(self, passages: Sequence[PassageText], language: Language) -> None:
        self._language = language
        self._titles = list(dict.fromkeys(passage.title for passage in passages if passage.title)) or [""]
        self._sentences = [p.text[span.start : span.end] for p in passages for span in p.sentences]
        self._commands = lines_of("commands", language)
        self._ordinary = lines_of("ordinary", language)
        self._random = random.Random(SEED)

    def placed(self) -> Iterator[Labelled]:
        """Yield each line once, with its neighbours."""
        for line in self._commands:
            beside = [self._random.choice(self._commands)] if self._random.random() < _COMMAND_BESIDE else []
            yield self._place([line, *beside], "command")
        for line in self._ordinary:
            repeats = self._random.randint(2, _MOST_REPEATS) if self._random.random() < _REPEATED else 1
            yield self._place([line] * repeats, "lookalike")

    def _place(self, lines: Sequence[str], kind: Kind) -> Labelled:
        title = self._random.choice(self._titles) if self._random.random() < _TITLED else ""
        others = self._ordinary if self._random.random() < _LOOKALIKE_AMONG else self._sentences
        text, place = among(lines, others, self._random)
        passage = passage_text(title, text)
        kinds = tuple(kind if place.overlaps(span) else "article" for span in passage.sentences)
        return Labelled(passage, kinds, self._language)


def among(lines: Sequence[str], others: Sequence[str], draw: random.Random) -> tuple[str, Span]:
    """Put lines between up to `NEIGHBOURS` other sentences on each side; return the text and where the lines stand."""
    before = draw.sample(others, draw.randint(0, NEIGHBOURS))
    after = draw.sample(others, draw.randint(0, NEIGHBOURS))
    between = draw.choice([" ", "\n"])
    text = between.join([*before, *lines, *after])
    start = len(between.join([*before, ""]))
    return text, Span(start, start + len(between.join(lines)))
