"""Story clustering in the catalogue: new articles are linked to those that tell the same story, and grouped by links.

Candidates for a new article come from lookups, not from a scan: articles that share a band of its MinHash signature,
and those of the nearest passages. Each candidate is compared once; matches are stored in `story_links`. The story of an
article is the least number in its group, or its own number. NULL means not examined yet.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from index.dedup.exact_duplicates import text_hash
from index.dedup.grouping import connected_groups
from index.dedup.minhash import bands, signature
from index.dedup.similarity import MAX_COMPARED_SENTENCES, StoryView, compare, make_view
from index.embeddings import Vectors
from index.runtime.cancellation import Check, checked, never

__all__ = ["assign_stories", "connected_groups", "detach", "load_view", "text_hash", "unassigned"]

Nearest = Callable[[Vectors, int], Sequence[tuple[int, float]]]
"""(a unit vector, k) → (passage number, cosine) of the k nearest passages."""

CERTAIN = 0.8
"""Least certainty of a date that can separate two articles."""
LEAST_PASSAGE_COSINE = 0.6
"""Least cosine of the nearest passages for two articles to be compared."""
_NEIGHBOURS = 12
"""Nearest passages of other articles that are examined for each passage."""
_MAX_QUERIED_PASSAGES = 40
"""Passages of an article that are looked up: enough to find the story of a book."""
_MOST_COMPARED = 1_000
"""Passages of an article whose wording is compared: as many as a very long book has."""
_PER_BAND = 50
_CANDIDATES = 50
"""Most articles from one band, and most that one article is compared with: bounds the cost of form letters."""
_VIEWS = 128
"""Story views cached in memory."""
_MAX_VARIABLES = 500
"""Values in one SQL statement."""


class Store(Protocol):
    """The part of the catalogue that clustering uses."""

    def rows(self, query: str, /, *values: object) -> list[tuple[Any, ...]]: ...

    def execute(self, statement: str, /, *values: object) -> None: ...


def unassigned(store: Store) -> list[int]:
    """Return the numbers of articles without a story: new ones, and those whose group lost an article."""
    return [number for (number,) in store.rows("SELECT number FROM articles WHERE story IS NULL ORDER BY number")]


def assign_stories(store: Store, numbers: Sequence[int], nearest: Nearest, check: Check = never) -> None:
    """Assign stories to the articles of these numbers; they may join groups and merge groups.

    Call it in a transaction, with the result of `unassigned`. `nearest` must include passages of the new articles.
    """
    known = set(_existing(store, "SELECT DISTINCT article FROM story_bands WHERE article IN", numbers))
    views = _ViewCache(store)
    for number in checked(numbers, check):
        if number not in known:
            _store_links(store, number, views, nearest, check)
    _regroup(store, numbers, check)


def detach(store: Store, article_id: str) -> None:
    """Remove an article from its story, before the article is removed. The rest of its group has no story until the
    next `assign_stories`."""
    rows = store.rows("SELECT number, story FROM articles WHERE id = ?", article_id)
    for number, story in rows:
        store.execute(
            """UPDATE articles SET story = NULL WHERE story = ?2 OR number IN
            (SELECT b FROM story_links WHERE a = ?1 UNION SELECT a FROM story_links WHERE b = ?1)""",
            number, story,
        )  # fmt: skip
        store.execute("DELETE FROM story_links WHERE a = ?1 OR b = ?1", number)
        store.execute("DELETE FROM story_bands WHERE article = ?", number)


class _ViewCache:
    """LRU cache of `_VIEWS` story views."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cached: dict[int, StoryView] = {}

    def __getitem__(self, number: int) -> StoryView:
        view = self._cached.pop(number, None) or load_view(self._store, number)
        self._cached[number] = view
        if len(self._cached) > _VIEWS:
            del self._cached[next(iter(self._cached))]
        return view


def load_view(store: Store, number: int) -> StoryView:
    """Load the story view of an article."""
    language, date, certainty, text = store.rows(
        "SELECT language, date, date_certainty, text FROM articles WHERE number = ?", number
    )[0]
    sentences: list[str] = []
    sentences_with_vectors = passages = 0
    for start, spans in store.rows(
        """SELECT p.start, e.spans FROM passages p JOIN embeddings e ON e.key = p.embedding
        WHERE p.article = ? ORDER BY p.start LIMIT ?""",
        number, _MOST_COMPARED,
    ):  # fmt: skip
        sentences += [text[start + s : start + e] for s, e in json.loads(spans)]
        if sentences_with_vectors < MAX_COMPARED_SENTENCES:
            sentences_with_vectors, passages = len(sentences), passages + 1
    vectors = _sentence_vectors(store, number, passages, sentences_with_vectors)
    return make_view(language, date if (certainty or 0) >= CERTAIN else None, sentences, vectors)


def _sentence_vectors(store: Store, number: int, passages: int, sentences: int) -> Vectors:
    """Return the sentence vectors of the first `passages` passages of an article, which have `sentences` sentences."""
    rows = store.rows(
        """SELECT e.sentences FROM passages p JOIN embeddings e ON e.key = p.embedding
        WHERE p.article = ? ORDER BY p.start LIMIT ?""",
        number, passages,
    )  # fmt: skip
    if not sentences:
        return np.zeros((0, 0), np.float32)
    return np.frombuffer(b"".join(blob for (blob,) in rows), np.float16).reshape(sentences, -1).astype(np.float32)


def _store_links(store: Store, number: int, views: _ViewCache, nearest: Nearest, check: Check) -> None:
    """Compare a new article with its candidates, and store its links and bands."""
    view = views[number]
    article_bands = bands(signature(view.shingles)) if len(view.shingles) else []
    for candidate in checked(_candidates(store, number, article_bands, nearest, check), check):
        match = compare(view, views[candidate])
        if match:
            pair = (min(number, candidate), max(number, candidate))
            store.execute("INSERT OR REPLACE INTO story_links VALUES (?, ?, ?, ?)", *pair, match.kind, match.score)
    for chunk in _chunks(article_bands):
        values = ", ".join(f"(?, {number:d})" for _ in chunk)
        store.execute(f"INSERT OR IGNORE INTO story_bands VALUES {values}", *chunk)


def _candidates(store: Store, number: int, article_bands: Sequence[int], nearest: Nearest, check: Check) -> list[int]:
    """Return the articles to compare, best first: half by shared bands, half by their nearest passage."""
    by_band: Counter[int] = Counter()
    for band in article_bands:
        # The newest: a story spans days, a form letter recurs for years.
        by_band.update(
            article
            for (article,) in store.rows(
                "SELECT article FROM story_bands WHERE band = ? AND article != ? ORDER BY article DESC LIMIT ?",
                band, number, _PER_BAND,
            )
        )  # fmt: skip
    by_passage = _near_articles(store, number, nearest, check)
    half = _CANDIDATES // 2
    first = sorted(by_band, key=lambda article: (-by_band[article], -article))[:half]
    second = sorted(by_passage, key=lambda article: (-by_passage[article], -article))[:half]
    return list(dict.fromkeys([*first, *second]))


def _near_articles(store: Store, number: int, nearest: Nearest, check: Check) -> dict[int, float]:
    """Return other articles with the highest cosine between one of their passages and one of this article's."""
    rows = store.rows(
        """SELECT e.passage FROM passages p JOIN embeddings e ON e.key = p.embedding
        WHERE p.article = ? ORDER BY p.start LIMIT ?""",
        number, _MAX_QUERIED_PASSAGES,
    )  # fmt: skip
    cosines: dict[int, float] = {}
    for (blob,) in checked(rows, check):
        vector = np.frombuffer(blob, np.float16).astype(np.float32)
        # The article's own passages are among the nearest too.
        for passage, cosine in nearest(vector, _NEIGHBOURS + len(rows)):
            if cosine >= LEAST_PASSAGE_COSINE:
                cosines[passage] = max(cosine, cosines.get(passage, -1.0))
    best: dict[int, float] = {}
    for chunk in _chunks(list(cosines)):
        placeholders = ", ".join("?" * len(chunk))
        for passage, article in store.rows(
            f"SELECT number, article FROM passages WHERE number IN ({placeholders})", *chunk
        ):
            if article != number:
                best[article] = max(cosines[passage], best.get(article, -1.0))
    return best


def _regroup(store: Store, numbers: Iterable[int], check: Check) -> None:
    """Recompute the stories of all articles linked to these, directly or indirectly."""
    links: dict[tuple[int, int], float] = {}
    visited, frontier = set(numbers), list(numbers)
    while frontier:
        linked = set()
        for chunk in checked(_chunks(frontier), check):
            placeholders = ", ".join(f"?{n}" for n in range(1, len(chunk) + 1))
            for a, b, score in store.rows(
                f"""SELECT a, b, score FROM story_links WHERE a IN ({placeholders})
                UNION SELECT a, b, score FROM story_links WHERE b IN ({placeholders})""",
                *chunk,
            ):
                links[a, b] = score
                linked |= {a, b}
        frontier = sorted(linked - visited)
        visited |= linked
    groups = connected_groups(((a, b, s) for (a, b), s in links.items()), check)
    story = {article: group[0] for group in groups for article in group}
    for article in checked(sorted(visited), check):
        store.execute("UPDATE articles SET story = ? WHERE number = ?", story.get(article, article), article)


def _existing(store: Store, query: str, numbers: Sequence[int]) -> Iterator[int]:
    for chunk in _chunks(numbers):
        yield from (number for (number,) in store.rows(f"{query} ({', '.join('?' * len(chunk))})", *chunk))


def _chunks(values: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), _MAX_VARIABLES):
        yield values[start : start + _MAX_VARIABLES]
