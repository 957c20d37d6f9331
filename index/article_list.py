"""Article list: search by words, filters and sort order, without the articles' texts.

The listed fields are small, so they are held in memory and read again when the index has changed: 50,000 articles are
about 25 MB and 0.3 s. Words are looked up in the catalogue.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from index.articles import Language
from index.storage.catalog import Catalog
from index.text.folding import fold_text
from index.text.words import query_tokens

SortOrder = Literal["newest", "oldest", "title"]


@dataclass(frozen=True)
class ArticleQuery:
    """Filters and sort order of a list; fields that are `None` or empty do not filter.

    `words` must all occur in title or text; `since` and `until` are prefixes of an ISO date, both inclusive.
    """

    words: str = ""
    language: Language | None = None
    publisher: str | None = None
    since: str | None = None
    until: str | None = None
    order: SortOrder = "newest"


@dataclass(frozen=True)
class ArticleSummary:
    """An article in a list.

    `publisher` is the host of its source, or the source itself if that is not a URL; `told` is the number of articles
    of its story, including itself.
    """

    number: int
    id: str
    title: str
    language: Language
    date: str | None
    publisher: str | None
    told: int


class ArticleBrowser:
    """Browsable list of all articles of an index. Safe to use from several threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._generation: int | None = None
        self._articles: tuple[ArticleSummary, ...] = ()

    def articles(self) -> tuple[ArticleSummary, ...]:
        """Return all articles, in the order in which they were added."""
        with self._lock:
            generation = self._catalog.generation
            if generation != self._generation:
                self._articles = tuple(_read_summaries(self._catalog))
                self._generation = generation
            return self._articles

    def browse(self, query: ArticleQuery) -> list[ArticleSummary]:
        """Return the articles that match `query`, sorted; in an order by date, articles without a date come last."""
        matching_numbers = self._numbers_with_words(query.words)
        matches = [
            article
            for article in self.articles()
            if (matching_numbers is None or article.number in matching_numbers)
            and query.language in (None, article.language)
            and query.publisher in (None, "", article.publisher)
            and _is_in_period(article.date, query.since, query.until)
        ]
        if query.order == "title":
            return sorted(matches, key=lambda article: fold_text(article.title))
        newest = query.order == "newest"
        dated = sorted(
            (article for article in matches if article.date), key=lambda article: article.date or "", reverse=newest
        )
        return [*dated, *(article for article in matches if not article.date)]

    def publishers(self) -> list[tuple[str, int]]:
        """Return the publishers and their numbers of articles, largest first."""
        counts: dict[str, int] = {}
        for article in self.articles():
            if article.publisher:
                counts[article.publisher] = counts.get(article.publisher, 0) + 1
        return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))

    def _numbers_with_words(self, text: str) -> set[int] | None:
        """Return the numbers of the articles that have all words of `text` in any form; `None` if it has no words."""
        numbers: set[int] | None = None
        for word in query_tokens(text).values():
            rows = self._catalog.rows(
                """SELECT DISTINCT article FROM passages
                WHERE number IN (SELECT rowid FROM keywords WHERE keywords MATCH ?)""",
                '"' + word.replace('"', '""') + '"',
            )
            matching = {number for (number,) in rows}
            numbers = matching if numbers is None else numbers & matching
        return numbers


def _read_summaries(catalog: Catalog) -> Iterator[ArticleSummary]:
    rows = catalog.rows("SELECT number, id, title, language, date, source, story FROM articles ORDER BY number")
    story_sizes: dict[int, int] = {}
    for *_, story in rows:
        if story is not None:
            story_sizes[story] = story_sizes.get(story, 0) + 1
    for number, article_id, title, language, date, source, story in rows:
        yield ArticleSummary(number, article_id, title, language, date, publisher_of(source), story_sizes.get(story, 1))


def publisher_of(source: str | None) -> str | None:
    """Return the host of a URL, without "www."; any other source is returned unchanged."""
    if not source:
        return None
    try:
        host = urlsplit(source).hostname
    except ValueError:
        return source
    return host.removeprefix("www.") if host else source


def _is_in_period(date: str | None, since: str | None, until: str | None) -> bool:
    if not (since or until):
        return True
    # "2021" and "2021-04" include all of that year or month.
    return date is not None and date >= (since or "") and (not until or date <= until + "\uffff")
