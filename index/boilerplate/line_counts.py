"""Line counts by source: find the repeated lines of new articles and the stored articles to be chunked again.

`index/boilerplate/repetition.py` decides which lines are repeated, from the table `lines`: one row for every
candidate line of an article, with its span, and one row with an empty key that counts the article itself.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from urllib.parse import urlsplit

from index.articles import Article, Span
from index.boilerplate.repetition import MIN_ARTICLES, add_repeated, candidate_lines, is_repeated
from index.runtime.cancellation import Check, checked, never
from index.storage.catalog import Catalog

_ARTICLE_KEY = ""
_SCHEDULE_KEY = "cut_later"


@dataclass(frozen=True)
class ArticleLines:
    """The source of one article and the spans of its candidate lines, by key."""

    source: str
    places: Mapping[str, Sequence[Span]]


@dataclass(frozen=True)
class BoilerplateUpdate:
    """New articles with repeated lines ignored, and their lines, by id; stored articles to chunk again, by number."""

    articles: Mapping[str, Article]
    lines: Mapping[str, ArticleLines]
    to_rechunk: Mapping[int, Article]


def update_line_counts(
    catalog: Catalog, new: Sequence[tuple[Article, str]], leaving: Collection[str], check: Check = never
) -> BoilerplateUpdate:
    """Find the repeated lines once `new` articles (each with its path) are added and the `leaving` ids removed."""
    lines = {article.id: lines_of(article, path) for article, path in checked(new, check)}
    counts = _LineCounts(catalog, checked(leaving, check))
    for article_lines in lines.values():
        counts.add(article_lines)
    articles = {
        article.id: dataclasses.replace(
            article,
            ignored=add_repeated(article.text, article.ignored, counts.repeated(lines[article.id])),
        )
        for article, _ in checked(new, check)
    }
    affected_articles = sorted({*counts.affected_articles(check), *_scheduled_numbers(catalog)})
    to_rechunk = {number: _article_to_rechunk(catalog, number, counts) for number in checked(affected_articles, check)}
    return BoilerplateUpdate(articles, lines, to_rechunk)


def lines_of(article: Article, path: str) -> ArticleLines:
    """Return the candidate lines of an article; its `ignored` spans must not include lines found by counting."""
    return ArticleLines(_source_of(article, path), candidate_lines(article.text, article.ignored))


def copy_lines(old: Catalog, number: int, new: Catalog, new_number: int) -> None:
    """Copy the lines of an article from `old` to `new`."""
    rows = old.rows('SELECT source, line, start, "end" FROM lines WHERE article = ?', number)
    new.execute_many(
        'INSERT OR REPLACE INTO lines (source, line, article, start, "end") VALUES (?, ?, ?, ?, ?)',
        ((source, line, new_number, start, end) for source, line, start, end in rows),
    )


def store_lines(catalog: Catalog, number: int, lines: ArticleLines) -> None:
    """Store the lines of the article with this number."""
    places = [(key, span) for key, spans in lines.places.items() for span in spans]
    catalog.execute_many(
        'INSERT OR REPLACE INTO lines (source, line, article, start, "end") VALUES (?, ?, ?, ?, ?)',
        ((lines.source, key, number, span.start, span.end) for key, span in [(_ARTICLE_KEY, Span(0, 0)), *places]),
    )


def schedule_rechunk(catalog: Catalog, numbers: Collection[int]) -> None:
    """Schedule these articles for a recheck by the next `update_line_counts`, replacing any earlier schedule."""
    if numbers or _scheduled_numbers(catalog):
        catalog.set_meta(_SCHEDULE_KEY, json.dumps(sorted(numbers)))


def _scheduled_numbers(catalog: Catalog) -> list[int]:
    numbers = json.loads(catalog.meta(_SCHEDULE_KEY) or "[]")
    return [number for number in numbers if catalog.rows("SELECT 1 FROM articles WHERE number = ?", number)]


def _source_of(article: Article, path: str) -> str:
    """Return the publisher: the host of a URL, the source as it is named, or else the folder of the file."""
    if article.source:
        return urlsplit(article.source).hostname or article.source
    return str(PurePath(path).parent)


class _LineCounts:
    """Number of articles of a source that have a line, before and after the update."""

    def __init__(self, catalog: Catalog, leaving: Iterable[str]) -> None:
        self._catalog = catalog
        self._stored: dict[tuple[str, str], int] = {}
        self._deltas: Counter[tuple[str, str]] = Counter()
        for article_id in leaving:
            self._deltas.subtract(set(self._lines_of_article(article_id)))

    def add(self, lines: ArticleLines) -> None:
        self._deltas.update((lines.source, key) for key in {_ARTICLE_KEY, *lines.places})

    def repeated(self, lines: ArticleLines) -> set[str]:
        return {key for key in lines.places if self._is_repeated(lines.source, key, after=True)}

    def affected_articles(self, check: Check) -> set[int]:
        """Return the numbers of stored articles with a line that becomes repeated or ceases to be."""
        affected: set[int] = set()
        sources = {source for source, _ in self._deltas}
        # A line absent from the new articles may cease to be repeated too, when its source grows.
        for source in checked(sources, check):
            self._count_all(source)
        keys = {*self._deltas, *(counted for counted in self._stored if counted[0] in sources)}
        for source, key in checked(keys, check):
            if key and self._is_repeated(source, key, after=True) != self._is_repeated(source, key, after=False):
                rows = self._catalog.rows("SELECT article FROM lines WHERE source = ? AND line = ?", source, key)
                affected.update(number for (number,) in rows)
        return affected

    def _count_all(self, source: str) -> None:
        query = "SELECT line, count(DISTINCT article) AS n FROM lines WHERE source = ? GROUP BY line HAVING n >= ?"
        for key, count in self._catalog.rows(query, source, MIN_ARTICLES):
            self._stored[source, key] = int(count)

    def _is_repeated(self, source: str, key: str, after: bool) -> bool:
        with_line, of_source = self._count(source, key), self._count(source, _ARTICLE_KEY)
        if after:
            with_line += self._deltas[source, key]
            of_source += self._deltas[source, _ARTICLE_KEY]
        return is_repeated(with_line, of_source)

    def _count(self, source: str, key: str) -> int:
        if (source, key) not in self._stored:
            query = "SELECT count(DISTINCT article) FROM lines WHERE source = ? AND line = ?"
            self._stored[source, key] = int(self._catalog.rows(query, source, key)[0][0])
        return self._stored[source, key]

    def _lines_of_article(self, article_id: str) -> list[tuple[str, str]]:
        query = "SELECT source, line FROM lines WHERE article = (SELECT number FROM articles WHERE id = ?)"
        return [(source, key) for source, key in self._catalog.rows(query, article_id)]


def _article_to_rechunk(catalog: Catalog, number: int, counts: _LineCounts) -> Article:
    article = catalog.entry(number).article
    rows = catalog.rows(
        'SELECT source, line, start, "end" FROM lines WHERE article = ? AND line != ?', number, _ARTICLE_KEY
    )
    places: dict[str, list[Span]] = defaultdict(list)
    for _, key, start, end in rows:
        places[key].append(Span(start, end))
    counted = {span for spans in places.values() for span in spans}
    known = tuple(span for span in article.ignored if span not in counted)
    repeated = counts.repeated(ArticleLines(rows[0][0], places)) if rows else set()
    return dataclasses.replace(article, ignored=add_repeated(article.text, known, repeated))
