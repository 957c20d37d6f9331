"""The catalogue: articles, passages and embeddings in one SQLite file, the index's single source of truth.

Everything else in an index folder (the FAISS file) is derived from it and can be made again. Embeddings are
keyed by what was embedded, so the same passage is never embedded twice, and an interrupted run keeps what it
had computed. A change of articles is one transaction: it happened or it did not.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.articles import Article, Span
from index.embed import Embedded, Vectors
from index.errors import (
    ArticleMissing,
    DiskFull,
    IndexBusy,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    JawabError,
    NotAllowed,
)
from index.passages import RULE, Passage

FILE = "catalog.sqlite"
SCHEMA = "1"
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL, refused TEXT NOT NULL
);
CREATE TABLE articles (
    id TEXT PRIMARY KEY, path TEXT NOT NULL, digest TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
    language TEXT NOT NULL, date TEXT, source TEXT, author TEXT, ignored TEXT NOT NULL
);
CREATE INDEX articles_by_path ON articles (path);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, embedding TEXT NOT NULL
);
CREATE INDEX passages_by_article ON passages (article_id);
CREATE INDEX passages_by_embedding ON passages (embedding);
CREATE TABLE embeddings (
    key TEXT PRIMARY KEY, passage BLOB NOT NULL, sentences BLOB NOT NULL, spans TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class StoredFile:
    """A file as it was when it was last read; `refused` lists what of it did not go in, as (reason, line)."""

    path: str
    size: int
    modified_ns: int
    refused: tuple[tuple[str, int | None], ...] = ()


@dataclass(frozen=True)
class Entry:
    """An article on its way into the catalogue: its file, its digest, its passages and their embedding keys."""

    article: Article
    path: str
    digest: str
    passages: tuple[tuple[Span, str], ...]


@dataclass(frozen=True)
class StoredPassage:
    """A passage with its article and its sentences: spans in the article's text, vectors of shape (n, d)."""

    passage: Passage
    article: Article
    sentences: tuple[Span, ...]
    sentence_vectors: Vectors


class Catalog:
    """One index's catalogue. Safe to use from several threads; one process writes at a time."""

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self._connection = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, folder: Path) -> Catalog:
        """The catalogue in `folder`, for reading. Raises `IndexMissing`, `IndexDamaged`, `NotAllowed`."""
        path = folder / FILE
        with storage_errors(folder):
            if not path.is_file():
                raise IndexMissing(folder=folder)
            catalog = cls(folder, _connect(path, "ro"))
            catalog._check_schema()
        return catalog

    @classmethod
    def open_or_create(cls, folder: Path) -> Catalog:
        """The catalogue in `folder`, for writing; an empty one if there is none."""
        path = folder / FILE
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            catalog = cls(folder, _connect(path, "rwc"))
            with catalog.transaction():
                if not catalog._rows("SELECT name FROM sqlite_master WHERE name = 'meta'"):
                    catalog._create()
            catalog._check_schema()
        return catalog

    def check(self) -> None:
        """Read the whole file. Raises `IndexDamaged` if any page of it is not as SQLite wrote it."""
        found = [row[0] for row in self._rows("PRAGMA quick_check(1)")]
        if found != ["ok"]:
            raise IndexDamaged(folder=self.folder, detail=found[0])

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is done inside, or nothing of it."""
        with storage_errors(self.folder), self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                # SQLite rolls back by itself on some errors (a full disk), and then has nothing to roll back.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    # What made the index

    @property
    def generation(self) -> int:
        """Grows by one with every change of the articles."""
        return int(self._meta("generation") or 0)

    @property
    def embedder(self) -> str | None:
        """The fingerprint of the embedder that the index was made with; `None` while it is empty."""
        return self._meta("embedder")

    def require(self, fingerprint: str) -> None:
        """Raise `IndexMismatch` unless the index was made with this embedder (or with none yet)."""
        if self.embedder not in (None, fingerprint):
            raise IndexMismatch(folder=self.folder, found=self.embedder, expected=fingerprint)

    def set_embedder(self, fingerprint: str) -> None:
        self._set_meta("embedder", fingerprint)

    # Articles and passages

    def count_articles(self) -> int:
        return int(self._rows("SELECT count(*) FROM articles")[0][0])

    def count_passages(self) -> int:
        return int(self._rows("SELECT count(*) FROM passages")[0][0])

    def articles(self) -> list[Article]:
        """Every article, in the order of their ids."""
        return [_article(row) for row in self._rows(f"SELECT {_ARTICLE} FROM articles ORDER BY id")]

    def article(self, article_id: str) -> Article:
        """One article. Raises `ArticleMissing`."""
        rows = self._rows(f"SELECT {_ARTICLE} FROM articles WHERE id = ?", article_id)
        if not rows:
            raise ArticleMissing(article_id=article_id)
        return _article(rows[0])

    def digests_by_path(self, path: str) -> dict[str, str]:
        """article id → digest, of the articles that came from one file."""
        return dict(self._rows("SELECT id, digest FROM articles WHERE path = ?", path))

    def path_of(self, article_id: str) -> str | None:
        """The file that an article came from, or `None` where there is no such article."""
        rows = self._rows("SELECT path FROM articles WHERE id = ?", article_id)
        return str(rows[0][0]) if rows else None

    def passage(self, number: int) -> StoredPassage:
        """A passage by its number, with what evidence is chosen from."""
        row = self._rows(
            f"""SELECT p.number, p.start, p."end", e.sentences, e.spans, {_ARTICLE_OF_A}
            FROM passages p JOIN articles a ON a.id = p.article_id JOIN embeddings e ON e.key = p.embedding
            WHERE p.number = ?""",
            number,
        )[0]
        article = _article(row[5:])
        start, end = row[1], row[2]
        spans = tuple(Span(start + s, start + e) for s, e in json.loads(row[4]))
        return StoredPassage(
            passage=Passage(row[0], article.id, start, end, article.text[start:end]),
            article=article,
            sentences=spans,
            sentence_vectors=_vectors(row[3]).reshape(len(spans), -1),
        )

    def passage_vectors(self) -> tuple[list[int], Vectors]:
        """The numbers of all passages and their vectors, shape (passages, dimension)."""
        rows = self._rows(
            "SELECT p.number, e.passage FROM passages p JOIN embeddings e ON e.key = p.embedding ORDER BY p.number"
        )
        vectors = _vectors(b"".join(blob for _, blob in rows))
        return [number for number, _ in rows], vectors.reshape(len(rows), -1) if rows else vectors.reshape(0, 0)

    # Changing

    def files(self) -> dict[str, StoredFile]:
        """Every file that was read, by path."""
        rows = self._rows("SELECT path, size, modified_ns, refused FROM files")
        return {
            path: StoredFile(path, size, modified, tuple((reason, line) for reason, line in json.loads(refused)))
            for path, size, modified, refused in rows
        }

    def put_file(self, file: StoredFile) -> None:
        values = (file.path, file.size, file.modified_ns, json.dumps(file.refused))
        self._execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", *values)

    def remove_file(self, path: str) -> None:
        self._execute("DELETE FROM files WHERE path = ?", path)

    def put(self, entry: Entry) -> None:
        """Add an article or replace the one that has its id; its passages' embeddings must be stored."""
        article = entry.article
        self.remove(article.id)
        ignored = json.dumps([(span.start, span.end) for span in article.ignored])
        self._execute(
            "INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            article.id, entry.path, entry.digest, article.title, article.text,
            article.language, article.date, article.source, article.author, ignored,
        )  # fmt: skip
        for span, key in entry.passages:
            self._execute(
                'INSERT INTO passages (article_id, start, "end", embedding) VALUES (?, ?, ?, ?)',
                article.id, span.start, span.end, key,
            )  # fmt: skip

    def remove(self, article_id: str) -> None:
        self._execute("DELETE FROM articles WHERE id = ?", article_id)

    def missing_embeddings(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that no embedding is stored for."""
        return {key for key in keys if not self._rows("SELECT 1 FROM embeddings WHERE key = ?", key)}

    def put_embedding(self, key: str, embedded: Embedded, sentences: Sequence[Span]) -> None:
        """Store a passage's vectors as float16; `sentences` are spans within the passage."""
        spans = json.dumps([(span.start, span.end) for span in sentences])
        blobs = (
            embedded.passage.astype(np.float16).tobytes(),
            embedded.sentences.astype(np.float16).tobytes(),
        )
        self._execute("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)", key, *blobs, spans)

    def next_generation(self) -> int:
        """Drop the embeddings that no passage uses any more, and number the new state."""
        self._execute("DELETE FROM embeddings WHERE key NOT IN (SELECT embedding FROM passages)")
        generation = self.generation + 1
        self._set_meta("generation", str(generation))
        return generation

    # The database

    def _create(self) -> None:
        for statement in _TABLES.split(";"):
            self._execute(statement)
        self._set_meta("schema", SCHEMA)
        self._set_meta("passage_rule", RULE)

    def _check_schema(self) -> None:
        found = (self._meta("schema"), self._meta("passage_rule"))
        if found != (SCHEMA, RULE):
            raise IndexDamaged(folder=self.folder, detail=f"made by another version: {found}")

    def _meta(self, key: str) -> str | None:
        rows = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def _set_meta(self, key: str, value: str) -> None:
        self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def _execute(self, statement: str, *values: object) -> None:
        with storage_errors(self.folder), self._lock:
            self._connection.execute(statement, values)

    def _rows(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        with storage_errors(self.folder), self._lock:
            return self._connection.execute(query, values).fetchall()


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the operating system say about `folder` into Jawab's errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise _storage_error(error, folder) from error
    except PermissionError as error:
        raise NotAllowed(path=error.filename or folder) from error
    except OSError as error:
        if error.errno != 28:  # ENOSPC
            raise
        raise DiskFull(folder=folder) from error


def _storage_error(error: sqlite3.Error, folder: Path) -> JawabError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(folder=folder)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return IndexBusy(folder=folder)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return NotAllowed(path=folder)
    return IndexDamaged(folder=folder, detail=str(error))


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=10,
    )
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


_COLUMNS = ("id", "title", "text", "language", "date", "source", "author", "ignored")
_ARTICLE = ", ".join(_COLUMNS)
_ARTICLE_OF_A = ", ".join(f"a.{column}" for column in _COLUMNS)


def _article(row: Sequence[str]) -> Article:
    *fields, ignored = row
    spans = tuple(Span(start, end) for start, end in json.loads(ignored))
    return Article(**dict(zip(_COLUMNS[:-1], fields, strict=True)), ignored=spans)  # type: ignore[arg-type]


def _vectors(blob: bytes) -> Vectors:
    return np.frombuffer(blob, dtype=np.float16).astype(np.float32)
