"""Queries of the catalogue: metadata, articles with their copies and stories, passages with their vectors, files."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from index.articles import Article, Copy, Language, Span
from index.embeddings import Vectors
from index.errors import ArticleMissing, IndexMismatch
from index.storage.database import Database
from index.storage.entries import Entry, StoredFile, StoredPassage
from index.storage.rows import ARTICLE, ARTICLE_OF_A, COPIED, STORED, article_in, article_of, matrix
from index.text.chunker import Passage

_MAX_VARIABLES = 500
"""Values in one SQL statement; SQLite's own limit was once 999."""


class CatalogReader:
    """The catalogue of one index, to be read. Safe to use from several threads."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self._database = database
        self.rows = database.rows

    def close(self) -> None:
        self._database.close()

    @property
    def closed(self) -> bool:
        return self._database.closed

    def snapshot(self) -> AbstractContextManager[None]:
        """Read transaction: all reads inside it see the same state."""
        return self._database.snapshot()

    @property
    def generation(self) -> int:
        """Counter that grows by one with every change of the articles."""
        return int(self.meta("generation") or 0)

    @property
    def state(self) -> str:
        """The generation with the index's own id, so that it differs from any of an earlier index in this folder."""
        return f"{self.meta('made') or ''}-{self.generation}"

    @property
    def embedder(self) -> str | None:
        """The fingerprint of the embedder that the index was made with; `None` while it is empty."""
        return self.meta("embedder")

    def require(self, fingerprint: str) -> None:
        """Raise `IndexMismatch` unless the index was made with this embedder (or with none yet)."""
        if self.embedder not in (None, fingerprint):
            raise IndexMismatch(folder=self.folder, found=self.embedder, expected=fingerprint)

    def meta(self, key: str) -> str | None:
        rows = self.rows("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def count_articles(self) -> int:
        return int(self.rows("SELECT count(*) FROM articles")[0][0])

    def articles(self) -> list[Article]:
        """Return all articles, ordered by id."""
        return [article_in(row) for row in self.rows(f"SELECT {ARTICLE} FROM articles ORDER BY id")]

    def titles(self, language: Language, limit: int) -> list[str]:
        """Return the titles of at most `limit` articles, those in `language` first."""
        rows = self.rows("SELECT title FROM articles ORDER BY language <> ?, id LIMIT ?", language, limit)
        return [title for (title,) in rows]

    def article(self, article_id: str) -> Article:
        """Return an article by its own id or by that of a copy of it. Raises `ArticleMissing`."""
        rows = self.rows(f"SELECT {ARTICLE} FROM articles WHERE id = ?", article_id)
        if rows:
            return article_in(rows[0])
        rows = self.rows(
            f"SELECT {COPIED} FROM copies c JOIN articles a ON a.number = c.article WHERE c.id = ?", article_id
        )
        if not rows:
            raise ArticleMissing(article_id=article_id)
        return article_in(rows[0])

    def copies(self) -> dict[str, tuple[Copy, ...]]:
        """Map article id → the copies of its text."""
        rows = self.rows(
            "SELECT a.id, c.id, c.title, c.date, c.source, c.author, c.date_from, c.date_certainty"
            " FROM copies c JOIN articles a ON a.number = c.article ORDER BY c.id"
        )
        copies_by_owner: dict[str, list[Copy]] = {}
        for owner, *fields in rows:
            copies_by_owner.setdefault(owner, []).append(Copy(*fields))
        return {owner: tuple(copies) for owner, copies in copies_by_owner.items()}

    def copies_of(self, number: int, limit: int = -1) -> Iterator[Entry]:
        """Yield the first `limit` copies of an article, as entries that could replace it."""
        for *fields, path, digest, fingerprint in self.rows(
            f"""SELECT {COPIED}, c.path, c.digest, a.fingerprint
            FROM copies c JOIN articles a ON a.number = c.article WHERE a.number = ? ORDER BY c.id LIMIT ?""",
            number, limit,
        ):  # fmt: skip
            yield Entry(article_in(fields), path, digest, fingerprint)

    def stories(self) -> list[tuple[str, ...]]:
        """Return the article ids of every story that has more than one article."""
        ids_by_story: dict[int, list[str]] = {}
        for article_id, story in self.rows("SELECT id, story FROM articles WHERE story IS NOT NULL ORDER BY id"):
            ids_by_story.setdefault(story, []).append(article_id)
        return [tuple(ids) for ids in ids_by_story.values() if len(ids) > 1]

    def same_story(self, article_id: str) -> list[Article]:
        """Return the other articles of this article's story, ordered by id."""
        rows = self.rows(
            f"""SELECT {ARTICLE} FROM articles
            WHERE story = (SELECT story FROM articles WHERE id = ?1) AND id != ?1 ORDER BY id""",
            article_id,
        )
        return [article_in(row) for row in rows]

    def entry(self, number: int) -> Entry:
        """Return the article with this number as it was stored, without its passages."""
        article, path, digest, fingerprint = article_of(
            self.rows(f"SELECT {STORED} FROM articles WHERE number = ?", number)[0]
        )
        return Entry(article, path, digest, fingerprint)

    def has_copies(self, article_id: str) -> bool:
        """Return whether the article has copies."""
        query = "SELECT 1 FROM copies WHERE article = (SELECT number FROM articles WHERE id = ?) LIMIT 1"
        return bool(self.rows(query, article_id))

    def texts_to_remove(self, article_ids: Collection[str]) -> set[str]:
        """Return the `article_ids` whose text is removed with them: no remaining copy would replace them."""
        leaving = set(article_ids)
        if not leaving:
            return leaving
        rows = self.rows("SELECT a.id, c.id FROM copies c JOIN articles a ON a.number = c.article")
        return leaving - {owner for owner, copy in rows if copy not in leaving}

    def owner_of(self, fingerprint: str) -> tuple[int, str] | None:
        """Return number and id of the article whose text has this fingerprint, or `None`."""
        rows = self.rows("SELECT number, id FROM articles WHERE fingerprint = ? ORDER BY number LIMIT 1", fingerprint)
        return (int(rows[0][0]), str(rows[0][1])) if rows else None

    def digests_by_path(self) -> dict[str, dict[str, str]]:
        """Map path → article id → digest of the parsed content, for all articles and copies."""
        digests: dict[str, dict[str, str]] = {}
        for table in ("articles", "copies"):
            for path, article_id, digest in self.rows(f"SELECT path, id, digest FROM {table}"):
                digests.setdefault(path, {})[article_id] = digest
        return digests

    def path_of(self, article_id: str) -> str | None:
        """Return the file that an article or copy came from, or `None` where there is no such article."""
        rows = self.rows(
            "SELECT path FROM articles WHERE id = ? UNION ALL SELECT path FROM copies WHERE id = ?",
            article_id, article_id,
        )  # fmt: skip
        return str(rows[0][0]) if rows else None

    def comes_from(self, path: str) -> bool:
        """Return whether an article or a copy came from this file."""
        query = "SELECT 1 FROM articles WHERE path = ? UNION ALL SELECT 1 FROM copies WHERE path = ? LIMIT 1"
        return bool(self.rows(query, path, path))

    def paths_in(self, folder: Path) -> set[str]:
        """Return the files in `folder`, a resolved path, that articles and copies came from."""
        # Uses the indexes on paths: "0" is the character after "/".
        of_folder = "WHERE path > ?1 || '/' AND path < ?1 || '0'"
        query = f"SELECT path FROM articles {of_folder} UNION SELECT path FROM copies {of_folder}"
        return {path for (path,) in self.rows(query, str(folder))}

    def count_passages(self) -> int:
        return int(self.rows("SELECT count(*) FROM passages")[0][0])

    def passages(self, numbers: Sequence[int]) -> list[StoredPassage]:
        """Return passages by their numbers, in the given order, with their articles and sentence vectors."""
        by_number: dict[int, StoredPassage] = {}
        for chunk in _chunks(numbers):
            rows = self.rows(
                f"""SELECT p.number, p.start, p."end", a.story, e.sentences, e.spans, {ARTICLE_OF_A}
                FROM passages p JOIN articles a ON a.number = p.article JOIN embeddings e ON e.key = p.embedding
                WHERE p.number IN ({placeholders(chunk)})""",
                *chunk,
            )
            by_number |= {row[0]: _passage(row) for row in rows}
        return [by_number[number] for number in numbers if number in by_number]

    def stories_of(self, numbers: Sequence[int]) -> dict[int, int]:
        """Map passage number → story of its article; an article without one gets a negative number of its own."""
        by_number: dict[int, int] = {}
        for chunk in _chunks(numbers):
            by_number |= dict(
                self.rows(
                    "SELECT p.number, coalesce(a.story, -a.number) FROM passages p JOIN articles a"
                    f" ON a.number = p.article WHERE p.number IN ({placeholders(chunk)})",
                    *chunk,
                )
            )
        return by_number

    def vectors(self, numbers: Sequence[int]) -> Vectors:
        """Return the vectors of passages, all of which must exist, in the given order, shape (passages, dimension)."""
        blobs: dict[int, bytes] = {}
        for chunk in _chunks(numbers):
            blobs |= dict(
                self.rows(
                    "SELECT p.number, e.passage FROM passages p JOIN embeddings e ON e.key = p.embedding"
                    f" WHERE p.number IN ({placeholders(chunk)})",
                    *chunk,
                )
            )
        return matrix(b"".join(blobs[number] for number in numbers), len(numbers))

    def vectors_after(self, number: int, limit: int) -> tuple[list[int], Vectors]:
        """Return the first `limit` passages whose numbers are greater, in order, and their vectors."""
        rows = self.rows(
            "SELECT p.number, e.passage FROM passages p JOIN embeddings e ON e.key = p.embedding"
            " WHERE p.number > ? ORDER BY p.number LIMIT ?",
            number, limit,
        )  # fmt: skip
        return [passage for passage, _ in rows], matrix(b"".join(blob for _, blob in rows), len(rows))

    def files(self) -> dict[str, StoredFile]:
        """Return all files that were read, by path."""
        rows = self.rows("SELECT path, size, modified_ns, refused FROM files")
        return {
            path: StoredFile(path, size, modified, tuple(map(tuple, json.loads(refused))))
            for path, size, modified, refused in rows
        }

    def missing_embeddings(self, keys: Iterable[str]) -> set[str]:
        """Return the `keys` without a stored embedding."""
        missing = set(keys)
        for chunk in _chunks(sorted(missing)):
            missing -= {
                key for (key,) in self.rows(f"SELECT key FROM embeddings WHERE key IN ({placeholders(chunk)})", *chunk)
            }
        return missing


def _passage(row: Sequence[Any]) -> StoredPassage:
    number, start, end, story, vectors, spans, *fields = row
    article = article_in(fields)
    sentences = tuple(Span(start + s, start + e) for s, e in json.loads(spans))
    return StoredPassage(
        passage=Passage(number, article.id, start, end, article.text[start:end]),
        article=article,
        story=story,
        sentences=sentences,
        sentence_vectors=matrix(vectors, len(sentences)),
    )


def placeholders(values: Sequence[object]) -> str:
    """Return the placeholders of as many values in an SQL statement."""
    return ", ".join("?" * len(values))


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _MAX_VARIABLES):
        yield values[start : start + _MAX_VARIABLES]
