"""Topic map of the collection: articles as points, similar ones close together, and named subjects.

It is computed from data in the index, without running a model. It takes a second for a hundred articles and about
twenty for `MAX_ARTICLES`; of more, `MAX_ARTICLES` evenly chosen ones are shown, and the map has the total.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from index.article_list import ArticleBrowser, ArticleSummary
from index.articles import Language
from index.storage.catalog import Catalog
from index.topics.layout import Points, cluster, project_2d
from index.topics.naming import BEGINNING, Words, name_topics, words_of
from index.topics.vectors import article_vectors

MAX_ARTICLES = 3000
"""Articles on a map: as many as a browser renders and pans smoothly."""
_MAX_NAMING_ARTICLES = 60
"""Articles whose words name a subject, those nearest its centre first."""
_WORDS = 3


@dataclass(frozen=True)
class Topic:
    """A region of the map: its label position (mean x, top y), and its name in words of each language's articles."""

    x: float
    y: float
    words: dict[Language, tuple[str, ...]]


@dataclass(frozen=True)
class MapPoint:
    """An article on the map; `subject` is an index into the map's subjects. `x` and `y` are within [-1, 1]."""

    article: ArticleSummary
    x: float
    y: float
    subject: int


@dataclass(frozen=True)
class TopicMap:
    """A topic map of `articles` articles; `places` begins with those nearest the centre of their subject."""

    places: tuple[MapPoint, ...]
    subjects: tuple[Topic, ...]
    articles: int


class TopicMapBuilder:
    """Build the map in the background, once for each state of the index. Thread-safe."""

    def __init__(self, catalog: Catalog, browser: ArticleBrowser) -> None:
        self._catalog = catalog
        self._browser = browser
        self._lock = threading.Lock()
        self._is_building = False
        self._built: tuple[int, TopicMap] | None = None

    def map(self) -> TopicMap | None:
        """Return the map of the current index; `None` while it is being built."""
        with self._lock:
            if self._built and self._built[0] == self._catalog.generation:
                return self._built[1]
            if not self._is_building:
                self._is_building = True
                threading.Thread(target=self._build, name="jawab-map", daemon=True).start()
        return None

    def _build(self) -> None:
        try:
            generation = self._catalog.generation
            topic_map = build_map(self._catalog, self._browser.articles())
            with self._lock:
                self._built = (generation, topic_map)
        except sqlite3.ProgrammingError:
            # The map of a collection that was closed meanwhile is not needed.
            if not self._catalog.closed:
                raise
        finally:
            with self._lock:
                self._is_building = False


def build_map(catalog: Catalog, articles: Sequence[ArticleSummary], most: int = MAX_ARTICLES) -> TopicMap:
    """Build the map of `articles`; of more than `most`, of `most` evenly chosen ones."""
    step = max(1.0, len(articles) / most)
    chosen = {
        article.number: article for article in (articles[int(at * step)] for at in range(min(len(articles), most)))
    }
    numbers, vectors = article_vectors(catalog, chosen)
    points = project_2d(vectors)
    region = cluster(points)
    region_points = [points[region == subject] for subject in range(int(region.max(initial=-1)) + 1)]
    centres = [members.mean(axis=0) for members in region_points]
    tops = [np.array([members[:, 0].mean(), members[:, 1].max()], dtype=np.float32) for members in region_points]
    order = sorted(range(len(numbers)), key=lambda at: float(np.linalg.norm(points[at] - centres[region[at]])))
    places = tuple(_place(chosen[numbers[at]], points, at, int(region[at])) for at in order)
    return TopicMap(places, tuple(_subjects(catalog, places, tops)), len(articles))


def _place(article: ArticleSummary, points: Points, at: int, subject: int) -> MapPoint:
    return MapPoint(article, float(points[at, 0]), float(points[at, 1]), subject)


def _subjects(catalog: Catalog, places: Sequence[MapPoint], tops: Sequence[Points]) -> list[Topic]:
    names = {language: _names(catalog, places, len(tops), language) for language in get_args(Language)}
    return [
        Topic(float(top[0]), float(top[1]), {language: names[language][at] for language in names})
        for at, top in enumerate(tops)
    ]


def _names(catalog: Catalog, places: Sequence[MapPoint], subjects: int, language: Language) -> list[tuple[str, ...]]:
    words: list[list[Words]] = [[] for _ in range(subjects)]
    for place in places:
        if place.article.language == language and len(words[place.subject]) < _MAX_NAMING_ARTICLES:
            words[place.subject].append(_words(catalog, place.article))
    return name_topics(words, _WORDS)


def _words(catalog: Catalog, article: ArticleSummary) -> Words:
    rows = catalog.rows("SELECT substr(text, 1, ?) FROM articles WHERE number = ?", BEGINNING, article.number)
    return words_of(article.title, rows[0][0] if rows else "")
