"""Training sources from families of like articles: the question's own article answers, its siblings do not.

A family is a TOML file of `[[articles]]` and `[[questions]]` (benchmarks/sets/traps/README.md). A question is asked of
the article that answers it, if there is one, and in vain of some others of its family. One family in four is held out.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from index.articles import Span
from index.text.sentences import sentences
from index.text.words import content_words
from qa.training.examples import Source, is_for_validation

KINDS = frozenset({"plain", "another", "premise", "title", "source", "speaker"})
"""Kinds of questions that one phrase answers."""
REPEATS = 3
"""Times that an answerable question is taken, each cut in another way."""
MAX_SIBLINGS = 2
"""Most other articles that a question is asked of in vain."""

Table = dict[str, Any]


def family_sources(folder: Path, draw: random.Random) -> list[Source]:
    """Return the sources of all families in a folder but the held-out ones."""
    files = [file for at, file in enumerate(sorted(folder.glob("*.toml"))) if not is_for_validation(at)]
    families = [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
    return [
        source
        for family in families
        for question in family["questions"]
        if question["kind"] in KINDS
        for source in _sources(question, family["articles"], draw)
    ]


def _sources(question: Table, articles: list[Table], draw: random.Random) -> Iterator[Source]:
    answers = () if question.get("declined") else tuple(question["answers"])
    own = max(articles, key=lambda article: _fitness(question["question"], article, answers))
    siblings = [a for a in articles if a is not own and not any(s in a["title"] + a["text"] for s in answers)]
    if answers and (source := _answered(question["question"], own, answers)):
        yield from [source] * REPEATS
    elif not answers:
        yield _unanswered(question["question"], own)
    for article in draw.sample(siblings, min(MAX_SIBLINGS, len(siblings))):
        yield _unanswered(question["question"], article)


def _fitness(question: str, article: Table, answers: tuple[str, ...]) -> float:
    """Return how likely a question is about an article: it has the answer, and the question's words."""
    asked = content_words(question)
    shared = len(asked & content_words(article["title"])) + len(asked & content_words(article["text"]))
    return shared + 100.0 * any(answer in article["text"] or answer in article["title"] for answer in answers)


def _answered(question: str, article: Table, answers: tuple[str, ...]) -> Source | None:
    text = article["text"].strip()
    places = [Span(at, at + len(answer)) for answer in answers if (at := _likeliest(question, text, answer)) >= 0]
    if places:
        return Source(question, text, places[0], (), title=article["title"], date=_date(article))
    for answer in answers:
        if (at := article["title"].find(answer)) >= 0:
            return Source(
                question, article["title"], Span(at, at + len(answer)), (text,), date=str(article.get("date", ""))
            )
    return None


def _likeliest(question: str, text: str, answer: str) -> int:
    """Return where an answer stands: in the sentence that shares most words with the question; -1 if nowhere."""
    asked = content_words(question)
    places = [
        (len(asked & content_words(text[sentence.start : sentence.end])), at)
        for sentence in sentences(text)
        if (at := text.find(answer, sentence.start, sentence.end)) >= 0
    ]
    return max(places, key=lambda place: place[0])[1] if places else text.find(answer)


def _unanswered(question: str, article: Table) -> Source:
    return Source(question, article["text"].strip(), None, (), title=article["title"], date=_date(article))


def _date(article: Table) -> str:
    return str(article.get("date", ""))
