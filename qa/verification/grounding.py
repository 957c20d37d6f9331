"""Grounding: how far a quotation, with its article's title and date, bears out the details of a question.

A quotation that is word for word is no proof that it answers: it may tell another town's votes, or another year's. Each
signal is a number that `verifier.py` weighs; none alone decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from index.articles import Article, Span
from index.text.folding import fold_text
from index.text.language import detect_language
from qa.citations import Located
from qa.query.countries import countries_in
from qa.query.understanding import Understanding
from qa.text_words import TextWords
from qa.verification.numbers import parse_numbers, possible_values

_BEFORE = 320
"""Code points before a quotation that lead up to it."""
_AFTER = 120
_LEAD = 300
"""Code points of an article's beginning, which says whom it is about."""
_NAME_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Grounding:
    """Signals of one quotation, each from 0 (borne out) to 1.

    `names_absent`: share of the question's names that the article lacks, where the two are in one language; 1 if it
    lacks a country of the question, or the quotation names another instead, in either language.
    `numbers_absent`: share of its years and numbers that neither the quotation has, nor what leads up to it, the title
    or the date.
    """

    names_absent: float
    numbers_absent: float

    def values(self) -> tuple[float, ...]:
        """The signals, in the order of the fields."""
        return astuple(self)


class Grounder:
    """Compares the details of one question with quotations. The text of each article is searched once."""

    def __init__(self, asked: Understanding) -> None:
        self._asked = asked
        # A country may be named by its adjective: it is compared by itself.
        self._names = [name for name in asked.names if not countries_in(name)]
        words = " ".join((*asked.names, *asked.words))
        self._language = detect_language(words) if words else None
        self._absent: dict[str, list[str]] = {}
        self._countries: dict[str, frozenset[str]] = {}

    def ground(self, located: Located) -> Grounding:
        """Return the signals of one quotation."""
        asked, article, quoted = self._asked, located.evidence.article, located.evidence.span
        quote = located.evidence.cut(quoted)
        near = (
            surroundings(article, quoted) if located.evidence.field == "text" else (article.title, article.date or "")
        )
        return Grounding(
            names_absent=1.0 if self._is_of_other_country(article, quote, near) else self._names_absent(article, quote),
            numbers_absent=_absent_numbers((*asked.years, *asked.numbers), " ".join((quote, *near))),
        )

    def names_not_near(self, article: Article, near: TextWords) -> float:
        """Return the share of the question's names that the article lacks, or of which no word is `near`."""
        absent = self._absent_from(article, self._asked.names)
        far = [n for n in self._asked.names if n in absent or not any(near.has_name(part) for part in _parts(n))]
        return share(len(far), len(self._asked.names))

    def _names_absent(self, article: Article, quote: str) -> float:
        if not self._names or self._language not in (None, detect_language(quote)):
            return 0.0
        absent = self._absent_from(article, self._asked.names)
        count = sum(name in absent for name in self._names)
        # Of alternatives that a question offers, an article that answers need name but one.
        return float(count == len(self._names)) if self._asked.choice else share(count, len(self._names))

    def _absent_from(self, article: Article, names: Sequence[str]) -> list[str]:
        """Return the names of which the article lacks a word."""
        if article.id not in self._absent:
            words = TextWords(article.title, article.text, article.source or "", article.author or "")
            self._absent[article.id] = [n for n in names if not all(words.has_name(part) for part in _parts(n))]
        return self._absent[article.id]

    def _is_of_other_country(self, article: Article, quote: str, near: Sequence[str]) -> bool:
        """Return whether the article lacks a country of the question, or the quotation names another instead."""
        countries = self._asked.countries
        if not countries:
            return False
        if article.id not in self._countries:
            self._countries[article.id] = countries_in(f"{article.title} {article.text}")
        if countries - self._countries[article.id]:
            return True
        return bool(countries - countries_in(" ".join((quote, *near)))) and bool(countries_in(quote) - countries)


def surroundings(article: Article, quoted: Span) -> tuple[str, ...]:
    """Return what says whom a quotation is about: title, date, the article's beginning, and the text around it."""
    before = article.text[max(0, quoted.start - _BEFORE) : quoted.start]
    after = article.text[quoted.end : quoted.end + _AFTER]
    return article.title, article.date or "", article.text[:_LEAD], before, after


def share(count: int, total: int) -> float:
    """Return `count` of `total`; 0 of nothing."""
    return count / total if total else 0.0


def _parts(name: str) -> list[str]:
    return [part for part in _NAME_WORD.findall(fold_text(name)) if part not in ("al", "el", "the", "of", "ال")] or [
        name
    ]


def _absent_numbers(numbers: Sequence[str], text: str) -> float:
    values = possible_values(text)
    wanted = [mention for number in numbers for mention in parse_numbers(number)]
    return share(sum(not mention.readings & values for mention in wanted), len(wanted))
