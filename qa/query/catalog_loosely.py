"""Catalogue questions in any wording: what is asked for comes from the intent classifier, the rest from the catalogue.

    "whose is the piece on kites in The Buoy?"  →  author; topic "kites", source "The Buoy"

Names of authors and publications are those that the collection has, periods are read wherever they stand, and what
remains, without the words that all such questions have, is the topic. The grammar (`catalog_question.py`) reads the
common wordings exactly, and goes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from index.articles import Span
from index.publications import Publications
from index.retrieval.name_list import NameList
from index.text.folding import Folded, fold
from index.text.words import STOP_WORDS, normalize_tokens
from qa.query.catalog_grammar import CatalogQuestion, Wanted
from qa.query.catalog_question import is_noun_for_article, may_ask_catalogue
from qa.query.intent import Intent, Intents
from qa.query.periods import Period, period_within

MIN_PROBABILITY = 0.5
"""Least probability of a catalogue intent: 96 in 100 of those taken are right (docs/answer-verification.md)."""
CERTAIN = 0.9
"""Probability from which the question is taken to be about articles, also where it is not about their titles. Counts
need it, too: most questions that ask how many ask it of something else."""
_WANTED: dict[Intent, Wanted] = {
    "author": "author",
    "date": "date",
    "source": "source",
    "count": "count",
    "articles": "list",
    "newest": "newest",
    "oldest": "oldest",
}
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_MAX_NAME_WORDS = 6
_BEFORE_NAME = frozenset({"by", "from", "in", "the", "بقلم", "في", "من", "كتبها", "كتبه", "كتب", "كتبت"})
"""Folded words after which a single word may be the name of an author or a publication."""


def read_loosely(question: str, intents: Intents, publications: Publications) -> CatalogQuestion | None:
    """Return what a question asks of the catalogue; `None` if it hardly asks it, or does not say of which article."""
    intent = max(_WANTED, key=intents.of)
    least = CERTAIN if intent == "count" else MIN_PROBABILITY
    if intents.of(intent) < least or not may_ask_catalogue(question):
        return None
    reading = _Reading(question)
    wanted = _WANTED[intent]
    source = reading.take_name(publications.publishers) if wanted != "source" else None
    author = reading.take_name(publications.authors) if wanted != "author" else None
    period = reading.take_period()
    topic = reading.topic(intents.generic)
    if (author or source) and intents.incidental.issuperset(normalize_tokens(topic)):
        topic = ""
    if wanted in ("author", "date", "source") and not (topic or author or source or period != Period()):
        return None
    return CatalogQuestion(
        wanted=wanted,
        question=question,
        topic=topic,
        author=author,
        source=source,
        since=period.since,
        until=period.until,
        month_day=period.month_day,
        certain=intents.of(intent) >= CERTAIN,
    )


class _Reading:
    """The words of a question that are not understood yet."""

    def __init__(self, question: str) -> None:
        self._question = question
        self._folded: Folded = fold(question)
        self._words = [Span(*match.span()) for match in _WORD.finditer(self._folded.text)]

    def take_name(self, names: NameList) -> str | None:
        """Return the longest name of the list that the question has, as it is listed, and take its words away."""
        for run in self._runs():
            text = self._folded.text[run[0].start : run[-1].end]
            found = names.find(text) if self._may_be_name(run) else None
            if found and found.exactly:
                self._words = [word for word in self._words if word not in run]
                return min(found.names)
        return None

    def _may_be_name(self, run: Sequence[Span]) -> bool:
        """Return whether a run has two words that tell anything, or one after "by", "in" or the like."""
        texts = [self._folded.text[word.start : word.end] for word in run]
        if sum(text not in STOP_WORDS for text in texts) > 1:
            return True
        before = self._folded.text[: run[0].start].split()
        return texts[0].startswith("ل") or (bool(before) and before[-1] in _BEFORE_NAME)

    def _runs(self) -> Iterator[Sequence[Span]]:
        for length in range(min(_MAX_NAME_WORDS, len(self._words)), 0, -1):
            yield from (self._words[at : at + length] for at in range(len(self._words) - length + 1))

    def take_period(self) -> Period:
        """Return the first period that the question names, and take its words away."""
        for word in self._words:
            if found := period_within(self._folded.text, word.start):
                period, end = found
                self._words = [other for other in self._words if not word.start <= other.start < end]
                return period
        return Period()

    def topic(self, generic: frozenset[str]) -> str:
        """Return the words that remain, without generic ones and stop words."""
        kept = [
            self._original(word.start, word.end)
            for word in self._words
            if (text := self._folded.text[word.start : word.end]) not in STOP_WORDS
            and not generic.issuperset(normalize_tokens(text))
            and not is_noun_for_article(self._question, text)
        ]
        return " ".join(kept)

    def _original(self, start: int, end: int) -> str:
        span = self._folded.to_original(start, end)
        return self._question[span.start : span.end]
