"""Publications of the collection: every article, and every copy of one, with its author, source and date.

A copy has the text of its article, but may have another title, author, source and date. All of them are held in memory
without titles and texts (50,000 are about 15 MB), and are read again, in about 0.4 s, when the index has changed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from sys import intern

from index.article_list import publisher_of
from index.articles import Language
from index.retrieval.name_list import NameList
from index.storage.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Publication:
    """An article, or a copy of one, as it was published; `number` is that of the article.

    `publisher` is the host of its source, or the source itself if that is not a URL.
    """

    number: int
    id: str
    language: Language
    date: str | None
    date_certainty: float
    publisher: str | None
    author: str | None
    is_copy: bool


class Publications:
    """All publications of one state of an index, articles before copies."""

    def __init__(self, rows: Iterable[Publication]) -> None:
        self.all = tuple(rows)

    @cached_property
    def by_number(self) -> dict[int, tuple[Publication, ...]]:
        """The publications of every article."""
        by_number: dict[int, tuple[Publication, ...]] = {}
        for publication in self.all:
            by_number[publication.number] = (*by_number.get(publication.number, ()), publication)
        return by_number

    @cached_property
    def authors(self) -> NameList:
        """The names of the authors."""
        return NameList(self.by_author)

    @cached_property
    def publishers(self) -> NameList:
        """The names of the publishers."""
        return NameList(self.by_publisher)

    @cached_property
    def by_author(self) -> dict[str, list[Publication]]:
        """The publications of every author."""
        return _grouped((publication.author, publication) for publication in self.all)

    @cached_property
    def by_publisher(self) -> dict[str, list[Publication]]:
        """The publications of every publisher."""
        return _grouped((publication.publisher, publication) for publication in self.all)


def _grouped(pairs: Iterable[tuple[str | None, Publication]]) -> dict[str, list[Publication]]:
    groups: dict[str, list[Publication]] = {}
    for name, publication in pairs:
        if name is not None:
            groups.setdefault(name, []).append(publication)
    return groups


class PublicationReader:
    """Reads the publications of an index, again when it has changed. Safe to use from several threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._generation: int | None = None
        self._publications = Publications(())

    def current(self) -> Publications:
        """Return the publications in the current state of the index."""
        with self._lock:
            generation = self._catalog.generation
            if generation != self._generation:
                self._publications = Publications(_read(self._catalog))
                self._generation = generation
            return self._publications


def _read(catalog: Catalog) -> list[Publication]:
    rows = catalog.rows("SELECT number, id, language, date, date_certainty, source, author, 0 FROM articles")
    rows += catalog.rows(
        """SELECT a.number, c.id, a.language, c.date, c.date_certainty, c.source, c.author, 1
        FROM copies c JOIN articles a ON a.number = c.article"""
    )
    return [
        Publication(
            number, name, language, date, certainty or 0.0, _one(publisher_of(source)), _one(author), bool(copied)
        )
        for number, name, language, date, certainty, source, author, copied in rows
    ]


def _one(name: str | None) -> str | None:
    """Return a name on one line, the same object for the same name; `None` where it is empty."""
    return intern(" ".join(name.split())) if name and name.strip() else None
