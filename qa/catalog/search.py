"""Which articles a question about the catalogue means: by author, source, language, date, and what they are about.

The conditions are looked up in the catalogue, and the words of a topic in the keyword index. A topic may itself end in
conditions ("the attack by rebels in The Buoy"): what is the name of an author or a source is one, anything else belongs
to the topic. Where no article has all words of a topic, those that have most of them, or its names in the other script,
are taken if that is enough to tell them; else those that the embedder finds to be about it, in other words or another
language.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from index.articles import Language
from index.publications import Publication, Publications
from index.retrieval.filters import Filter
from index.retrieval.topic_search import (
    Place,
    TopicWord,
    articles_with,
    numbers_of,
    places,
    topic_words,
    words_of,
)
from index.retriever import Hit, Retriever
from index.text.folding import fold
from qa.query.catalog_grammar import CatalogQuestion
from qa.query.periods import period_at_end

EXACT = 0.95
"""Confidence that the articles are those meant, where the catalogue has what was asked for exactly."""
IN_OPENING = 0.85
"""The same where title and opening of an article have all words of the topic."""
IN_TEXT = 0.75
"""The same where an article has them anywhere."""
LOOSE = 0.65
"""The same where it has not all of them, or names in the other script."""
PARTIAL_NAME = 0.95
"""Factor where an author or source has more names than the question says."""
_MIN_SHARE = 0.66
"""Least share of a topic's words that an article must have."""
_MIN_LEAD = 0.05
"""Least difference of cosine by which an article stands out."""
_MIN_IN_TITLE = 2
"""Least words of a topic in a title, where it is uncertain that the question is about articles."""
_MIN_COSINE = 0.3
"""Least cosine of topic and article at which an article is about it, though it has other words or another language."""
_LEAD_BY_MEANING = 0.03
"""Least lead of the one article that is meant, by cosine alone: 112 of 116 were right."""
_NEAR_BEST = 0.1
"""Greatest difference of cosine to the best article of others that are about the same topic."""
_MAX_ONE_OF = 500
"""Articles that a search is restricted to."""
_SEARCHED = 30
"""Passages that are searched for."""
_MAX_SOURCES = 3
"""Articles whose sources are all named."""
_SOFT_NAME = re.compile(
    r" (?:(?:that (?:was |were )?)?(?:published |printed |reported |written )?(?P<by>by)"
    r"|(?:published |printed |reported )?(?:in|from|on|at)) (?:the )?"
    r"| (?:(?P<pen>بقلم)|(?:المنشوره? |نشرت? )?(?:في|من|علي)) "
)
"""Folded. What may introduce an author or a source at the end of a topic."""
_GENERIC = re.compile(
    r"^(?:the )?(?:news|reports?|story|issue|question|case) (?:of|about|on|that) |^(?:خبر|موضوع|قضيه|مساله) (?=\w)"
)


@dataclass(frozen=True)
class Conditions:
    """Conditions on publications; those that are `None` are not applied. A name is one of several spellings."""

    authors: frozenset[str] | None = None
    publishers: frozenset[str] | None = None
    language: Language | None = None
    since: str | None = None
    until: str | None = None
    month_day: str | None = None

    def allow(self, publication: Publication) -> bool:
        date = publication.date
        return (
            (self.authors is None or publication.author in self.authors)
            and (self.publishers is None or publication.publisher in self.publishers)
            and (self.language is None or publication.language == self.language)
            and (not (self.since or self.until or self.month_day) or (date is not None and self._allow_date(date)))
        )

    def _allow_date(self, date: str) -> bool:
        # "2021" and "2021-04" include all of that year or month.
        return (
            date >= (self.since or "")
            and (not self.until or date <= self.until + "\uffff")
            and (not self.month_day or date[len("2021-") :].startswith(self.month_day))
        )


@dataclass(frozen=True)
class Selection:
    """The articles that a question means, best first, and their publications that satisfy the conditions.

    `mentioned` are further articles that have the topic's words, but neither in the title nor in the opening.
    `publications` has perhaps more articles than these. `topic` and `conditions` are as they were understood;
    `confidence` is that the articles are those meant.
    """

    topic: str
    conditions: Conditions
    numbers: tuple[int, ...]
    publications: Mapping[int, tuple[Publication, ...]]
    confidence: float
    mentioned: tuple[int, ...] = ()

    def all(self) -> Iterator[Publication]:
        """Yield the publications of the articles, in their order."""
        for number in self.numbers:
            yield from self.publications[number]


_Allowed = Mapping[int, tuple[Publication, ...]]
"""The articles of which a publication satisfies the conditions, and these publications."""

_NameKind = Literal["authors", "publishers"]
_AUTHOR_FIRST: tuple[_NameKind, ...] = ("authors", "publishers")
_SOURCE_FIRST: tuple[_NameKind, ...] = ("publishers", "authors")
_SOURCE_ONLY: tuple[_NameKind, ...] = ("publishers",)
"""Kinds of names to look among, in order; "by The Buoy" names a source, too."""


def select_articles(asked: CatalogQuestion, retriever: Retriever) -> Selection | None:
    """Return the articles that a question means; `None` where there are none, or a name in it is not known."""
    return _Search(asked, retriever).run()


class _Search:
    """Search for the articles of one question."""

    def __init__(self, asked: CatalogQuestion, retriever: Retriever) -> None:
        self._asked = asked
        self._retriever = retriever
        self._rows = retriever.catalog.rows
        self._publications: Publications = retriever.publications()
        self._found: dict[tuple[str, Filter | None], list[Hit]] = {}
        self._is_single = asked.wanted in ("author", "date", "source") and asked.pick is None

    def run(self) -> Selection | None:
        asked = self._asked
        given = Conditions(None, None, asked.language, asked.since, asked.until, asked.month_day)
        named = self._named(given)
        if named is None:
            return None
        conditions, topic, certainty = named
        for topic_alone, narrower, factor in self._readings(topic, conditions):
            if selection := self._select(topic_alone, narrower):
                return replace(selection, confidence=selection.confidence * certainty * factor)
        for topic_alone, narrower, factor in self._readings(topic, conditions):
            if topic_alone and (selection := self._select_loosely(topic_alone, narrower)):
                return replace(selection, confidence=selection.confidence * certainty * factor)
        for topic_alone, narrower, factor in self._readings(topic, conditions):
            if topic_alone and asked.certain and (selection := self._select_by_meaning(topic_alone, narrower)):
                return replace(selection, confidence=selection.confidence * certainty * factor)
        return None

    def _named(self, conditions: Conditions) -> tuple[Conditions, str, float] | None:
        """Return the conditions with those names that are known, the topic with those that are not, and a factor."""
        asked, topic, certainty = self._asked, self._asked.topic, 1.0
        for name, kinds in ((asked.author, _AUTHOR_FIRST), (asked.source, _SOURCE_FIRST)):
            if name:
                found = self._with_name(conditions, name, kinds)
                if found is None:
                    return None
                conditions, certainty = found[0], certainty * found[1]
        if asked.owner:
            found = self._with_name(conditions, asked.owner, _AUTHOR_FIRST)
            if found:
                conditions, certainty = found[0], certainty * found[1]
            else:
                topic = f"{asked.owner} {topic}".strip()
        return conditions, topic, certainty

    def _with_name(
        self, conditions: Conditions, name: str, kinds: Sequence[_NameKind], exactly: bool = False
    ) -> tuple[Conditions, float] | None:
        for kind in kinds:
            is_author = kind == "authors"
            found = (self._publications.authors if is_author else self._publications.publishers).find(name)
            is_stated = (conditions.authors if is_author else conditions.publishers) is not None
            if found is None or is_stated or (exactly and not found.exactly):
                continue
            named = (
                replace(conditions, authors=found.names) if is_author else replace(conditions, publishers=found.names)
            )
            return named, 1.0 if found.exactly else PARTIAL_NAME
        return None

    def _readings(self, topic: str, conditions: Conditions) -> Iterator[tuple[str, Conditions, float]]:
        """Yield the topic with the conditions that it ends in taken as such, then as words of the topic."""
        shorter, narrower, certainty = topic, conditions, 1.0
        if self._asked.scope in ("about", "mention"):
            for _ in range(3):
                cut = self._cut_period(shorter, narrower) or self._cut_name(shorter, narrower)
                if not cut:
                    break
                shorter, narrower, factor = cut
                certainty *= factor
        if shorter != topic:
            yield shorter, narrower, certainty
        yield topic, conditions, 1.0

    def _cut_period(self, topic: str, conditions: Conditions) -> tuple[str, Conditions, float] | None:
        folded = fold(topic)
        found = period_at_end(folded.text)
        if not found or conditions.since or conditions.until or conditions.month_day:
            return None
        start, period = found
        shorter = topic[: folded.to_original(start, start + 1).start].strip()
        dated = replace(conditions, since=period.since, until=period.until, month_day=period.month_day)
        return (shorter, dated, 1.0) if shorter else None

    def _cut_name(self, topic: str, conditions: Conditions) -> tuple[str, Conditions, float] | None:
        folded = fold(topic)
        for match in _SOFT_NAME.finditer(folded.text):
            shorter = topic[: folded.to_original(match.start(), match.start() + 1).start].strip()
            name = topic[folded.to_original(match.end() - 1, match.end()).end :]
            by = bool(match["by"] or match["pen"])
            found = self._with_name(conditions, name, _AUTHOR_FIRST if by else _SOURCE_ONLY, exactly=not by)
            if shorter and found:
                return shorter, *found
        return None

    def _select(self, topic: str, conditions: Conditions) -> Selection | None:
        """Return the articles that satisfy the conditions and have all words of the topic."""
        if not topic:
            allowed = self._allowed(conditions)
            return self._selection(topic, conditions, tuple(allowed), allowed, EXACT)
        words = topic_words(self._rows, _GENERIC.sub("", topic))
        groups = [word.forms for word in words]
        if not groups:
            return None
        allowed = self._allowed(conditions, articles_with(self._rows, groups))
        placed = places(self._rows, groups, allowed)
        in_title = tuple(number for number, place in placed.items() if place.in_title == len(groups))
        if self._asked.scope in ("title", "whole title"):
            whole = tuple(number for number in in_title if placed[number].is_title)
            chosen = whole or (in_title if self._asked.scope == "title" else ())
            return self._selection(topic, conditions, chosen, allowed, EXACT)
        opening = tuple(number for number, place in placed.items() if place.in_opening)
        if self._is_single:
            return self._one(topic, conditions, allowed, placed, in_title, opening)
        if self._asked.scope == "about" and (self._asked.pick or self._asked.wanted in ("newest", "oldest")):
            # The newest that has the words may only mention them: one whose title has some of them is preferred.
            titled = tuple(number for number in opening if placed[number].in_title)
            confidence = EXACT if titled and titled == in_title else IN_OPENING
            return self._selection(topic, conditions, titled or opening or tuple(allowed), allowed, confidence)
        if self._asked.scope == "mention" or not opening:
            return self._selection(topic, conditions, tuple(allowed), allowed, IN_OPENING)
        mentioned = tuple(number for number in allowed if number not in set(opening))
        confidence = EXACT if len(in_title) == len(allowed) else IN_TEXT if mentioned else IN_OPENING
        return self._selection(topic, conditions, opening, allowed, confidence, mentioned)

    def _one(
        self,
        topic: str,
        conditions: Conditions,
        allowed: _Allowed,
        placed: dict[int, Place],
        in_title: tuple[int, ...],
        opening: tuple[int, ...],
    ) -> Selection | None:
        """Return the article that is about a topic, or those that are equally so."""
        if in_title:
            whole = tuple(number for number in in_title if placed[number].is_title)
            return self._selection(topic, conditions, whole or in_title, allowed, EXACT)
        chosen = opening or (tuple(placed) or tuple(allowed) if self._asked.certain else ())
        most = max((place.in_title for number, place in placed.items() if number in set(chosen)), default=0)
        if most:
            chosen = tuple(number for number in chosen if placed[number].in_title == most)
        confidence = IN_OPENING if opening else IN_TEXT
        # What several papers reported has several sources.
        several = self._asked.wanted == "source" and len(chosen) <= _MAX_SOURCES
        if 1 < len(chosen) <= _MAX_ONE_OF and not several and (best := self._standing_out(topic, chosen, allowed)):
            return self._selection(topic, conditions, (best,), allowed, IN_TEXT)
        return self._selection(topic, conditions, chosen, allowed, confidence)

    def _select_loosely(self, topic: str, conditions: Conditions) -> Selection | None:
        """Return the articles that have most words of the topic, or its names in the other script."""
        if self._asked.scope in ("title", "whole title"):
            return None
        words = topic_words(self._rows, _GENERIC.sub("", topic))
        if not self._is_single:
            return self._with_names(topic, conditions, words)
        allowed = self._allowed(conditions)
        cosines = self._cosines(topic, allowed)
        shares = self._shares(words, list(cosines), allowed)
        placed = places(self._rows, [word.forms for word in words], shares)
        if conditions.authors is None and conditions.publishers is None:
            # What may not be about articles at all must be told by their titles.
            least = 1 if self._asked.certain else _MIN_IN_TITLE
            shares = {number: shares[number] for number, place in placed.items() if place.in_title >= least}
        if not shares:
            return None
        best = max((share, placed[number].in_title) for number, share in shares.items())
        chosen = tuple(number for number, share in shares.items() if (share, placed[number].in_title) == best)
        if len(chosen) > 1 and (first := _leader({number: cosines[number] for number in chosen})):
            chosen = (first,)
        return self._selection(topic, conditions, chosen, allowed, LOOSE)

    def _select_by_meaning(self, topic: str, conditions: Conditions) -> Selection | None:
        """Return the articles nearest to the topic: the one that is meant, or all that are about it."""
        if self._asked.scope != "about":
            return None
        allowed = self._allowed(conditions)
        cosines = self._cosines(topic, allowed)
        best = max(cosines.values(), default=0.0)
        if best < _MIN_COSINE:
            return None
        if self._is_single:
            leader = _leader(cosines, _LEAD_BY_MEANING)
            chosen = [] if leader is None else [leader]
        else:
            near = (number for number, cosine in cosines.items() if cosine >= best - _NEAR_BEST)
            chosen = sorted(near, key=lambda number: -cosines[number])
        return self._selection(topic, conditions, chosen, allowed, LOOSE)

    def _with_names(self, topic: str, conditions: Conditions, words: Sequence[TopicWord]) -> Selection | None:
        """Return the articles in the other script that have all those names of the topic that are found there."""
        groups = [word.other for word in words if word.other]
        allowed = self._allowed(conditions, articles_with(self._rows, groups)) if groups else {}
        return self._selection(topic, conditions, tuple(allowed), allowed, LOOSE)

    def _shares(self, words: Sequence[TopicWord], numbers: Sequence[int], allowed: _Allowed) -> dict[int, float]:
        """Map articles to the share of the topic's words that they have, if it is enough.

        Names and numbers must be there. In an article of the other language only names can be, and not all of them:
        some are translated.
        """
        is_arabic = any(re.search(r"[\u0620-\u06d3]", word.word) for word in words)
        shares = {}
        for number, found in words_of(self._rows, numbers).items():
            has = [word for word in words if not found.isdisjoint(word.forms)]
            if (allowed[number][0].language == "ar") == is_arabic:
                share = len(has) / len(words) if words else 0.0
                if share >= _MIN_SHARE and all(word in has for word in words if word.is_name):
                    shares[number] = share
            else:
                possible = [word for word in words if word.other]
                share = sum(word in has for word in possible) / len(possible) if possible else 0.0
                if share >= _MIN_SHARE:
                    shares[number] = share
        return shares

    def _standing_out(self, topic: str, numbers: Sequence[int], allowed: _Allowed) -> int | None:
        return _leader(self._cosines(topic, {number: allowed[number] for number in numbers}))

    def _hits(self, topic: str, only: Filter | None) -> list[Hit]:
        """Search for a topic, once for all ways of selecting articles."""
        if (topic, only) not in self._found:
            self._found[topic, only] = self._retriever.search(topic, _SEARCHED, only, literally=False)
        return self._found[topic, only]

    def _cosines(self, topic: str, allowed: _Allowed) -> dict[int, float]:
        """Map the articles nearest to the topic, of those that are allowed, to the cosine of their best passage."""
        ids = tuple(publication.id for found in allowed.values() for publication in found)[: _MAX_ONE_OF + 1]
        only = Filter(articles=ids) if len(ids) <= _MAX_ONE_OF else None
        hits = self._hits(topic, only)
        numbers = numbers_of(self._rows, {hit.article.id for hit in hits})
        cosines: dict[int, float] = {}
        for hit in hits:
            number = numbers.get(hit.article.id)
            if number is not None and number in allowed:
                cosines[number] = max(hit.score, cosines.get(number, -1.0))
        return cosines

    def _allowed(self, conditions: Conditions, numbers: Collection[int] | None = None) -> _Allowed:
        """Map the articles (of these) of which a publication satisfies the conditions to these publications."""
        publications = self._publications
        if conditions == Conditions():
            by_number = publications.by_number
            return by_number if numbers is None else {n: by_number[n] for n in numbers if n in by_number}
        candidates: Iterable[Publication] = publications.all
        if numbers is not None:
            candidates = (publication for n in numbers for publication in publications.by_number.get(n, ()))
        elif conditions.authors is not None:
            candidates = (publication for name in conditions.authors for publication in publications.by_author[name])
        elif conditions.publishers is not None:
            candidates = (p for name in conditions.publishers for p in publications.by_publisher[name])
        allowed: dict[int, tuple[Publication, ...]] = {}
        for publication in candidates:
            if conditions.allow(publication):
                allowed[publication.number] = (*allowed.get(publication.number, ()), publication)
        return allowed

    def _selection(
        self,
        topic: str,
        conditions: Conditions,
        numbers: Collection[int],
        allowed: _Allowed,
        confidence: float,
        mentioned: tuple[int, ...] = (),
    ) -> Selection | None:
        if not numbers:
            return None
        return Selection(topic, conditions, tuple(numbers), allowed, confidence, mentioned)


def _leader(cosines: dict[int, float], lead: float = _MIN_LEAD) -> int | None:
    """Return the article whose cosine is clearly the highest, if there is one."""
    ranked = sorted(cosines, key=lambda number: -cosines[number])
    if len(ranked) == 1 or (ranked and cosines[ranked[0]] - cosines[ranked[1]] >= lead):
        return ranked[0]
    return None
