"""The catalogue: articles, passages and embeddings in one SQLite file, the index's single source of truth.

Everything else in an index folder (the FAISS file) is derived from it and can be rebuilt. Embeddings are keyed by the
embedded text, so the same passage is never embedded twice, and an interrupted run keeps what it had computed. A change
of articles is one transaction.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from index.articles import Article, Copy, Language, Span
from index.embeddings import PassageEmbedding, Vectors
from index.errors import (
    ArticleMissing,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    IndexOutdated,
    IndexVersion,
    PermissionDenied,
)
from index.runtime.cancellation import Check, checked, never
from index.storage import private
from index.storage.database import Database, storage_errors
from index.storage.entries import Entry, NewPassage, StoredFile, StoredPassage
from index.storage.lock import FILE, write_lock
from index.storage.migrations import migrate
from index.storage.page_checksums import checkpoint_and_checksum, sum_all
from index.storage.rows import (
    ARTICLE,
    ARTICLE_OF_A,
    COPIED,
    COPY,
    STORED,
    article_in,
    article_of,
    checksum_of,
    matrix,
    values_of,
)
from index.storage.schema import TABLES, VERSIONS
from index.text.chunker import CHUNKER_VERSION, Passage

_FEW = 500
"""Values in one SQL statement; SQLite's own limit was once 999."""


class Catalog:
    """The catalogue of one index. Safe to use from several threads; one process writes at a time."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self._database = database
        self.rows = database.rows
        self.execute = database.execute
        self.execute_many = database.execute_many
        self.connection = database.connection
        self._loose: set[str] = set()

    @staticmethod
    def exists(folder: Path) -> bool:
        """Return whether there is a catalogue in `folder`."""
        return (folder / FILE).is_file()

    @classmethod
    def open(cls, folder: Path) -> Catalog:
        """Open the catalogue in `folder` for reading; one of an older version is migrated first.

        Raises `IndexMissing`, `IndexDamaged`, `IndexVersion`, `IndexOutdated`, `PermissionDenied`; `IndexLocked` while
        another process migrates it.
        """
        catalog = cls._checked(folder)
        if catalog.is_outdated:
            catalog.close()
            cls._migrate_in(folder)
            catalog = cls._checked(folder)
        return catalog

    @classmethod
    def _checked(cls, folder: Path) -> Catalog:
        catalog = cls.open_unchecked(folder)
        with ExitStack() as on_error:
            on_error.callback(catalog.close)
            catalog.check_version()
            on_error.pop_all()
        return catalog

    @classmethod
    def open_unchecked(cls, folder: Path) -> Catalog:
        """Like `open`, without checking the version that made it."""
        with storage_errors(folder):
            if not cls.exists(folder):
                raise IndexMissing(folder=folder)
        return cls(folder, Database(folder / FILE, writable=False))

    @classmethod
    def open_or_create(cls, folder: Path) -> Catalog:
        """Open the catalogue in `folder` for writing, creating it if missing. The caller holds the folder's lock.

        A catalogue of an older version is migrated. Raises the errors of `open`.
        """
        with storage_errors(folder):
            private.make_folder(folder)
            private.create(folder / FILE)
        catalog = cls(folder, Database(folder / FILE, writable=True))
        with ExitStack() as on_error:
            on_error.callback(catalog.close)
            # The version is checked first: nothing of another version's index is changed.
            if catalog.rows("SELECT name FROM sqlite_master WHERE name = 'meta'"):
                catalog._migrate()
                checkpoint_and_checksum(catalog._database, folder / FILE)
            else:
                with catalog.transaction():
                    catalog._create()
            on_error.pop_all()
        return catalog

    @classmethod
    def _migrate_in(cls, folder: Path) -> None:
        try:
            with write_lock(folder):
                cls.open_or_create(folder).close()
        except PermissionDenied as error:
            raise IndexOutdated(folder=folder) from error

    def close(self) -> None:
        self._database.close()

    @property
    def closed(self) -> bool:
        return self._database.closed

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a transaction; afterwards the log is merged into the file and its pages are checksummed."""
        with self._database.transaction():
            yield
        checkpoint_and_checksum(self._database, self.folder / FILE)

    def sum_pages(self) -> None:
        """Compute the checksums of all pages of the file, for a copy from elsewhere."""
        sum_all(self._database, self.folder / FILE)

    def snapshot(self) -> AbstractContextManager[None]:
        """Read transaction: everything read inside is of one state."""
        return self._database.snapshot()

    # Metadata

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

    def set_embedder(self, fingerprint: str) -> None:
        self.set_meta("embedder", fingerprint)

    def meta(self, key: str) -> str | None:
        rows = self.rows("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def set_meta(self, key: str, value: str) -> None:
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    # Articles

    def count_articles(self) -> int:
        return int(self.rows("SELECT count(*) FROM articles")[0][0])

    def articles(self) -> list[Article]:
        """Return all articles, ordered by id."""
        return [article_in(row) for row in self.rows(f"SELECT {ARTICLE} FROM articles ORDER BY id")]

    def titles(self, language: Language, most: int) -> list[str]:
        """Return the titles of at most `most` articles, those in `language` first."""
        rows = self.rows("SELECT title FROM articles ORDER BY language <> ?, id LIMIT ?", language, most)
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
        found: dict[str, list[Copy]] = {}
        for owner, *fields in rows:
            found.setdefault(owner, []).append(Copy(*fields))
        return {owner: tuple(copies) for owner, copies in found.items()}

    def copies_of(self, number: int, most: int = -1) -> Iterator[Entry]:
        """Yield the first `most` copies of an article, as entries that could replace it."""
        for *fields, path, digest, fingerprint in self.rows(
            f"""SELECT {COPIED}, c.path, c.digest, a.fingerprint
            FROM copies c JOIN articles a ON a.number = c.article WHERE a.number = ? ORDER BY c.id LIMIT ?""",
            number, most,
        ):  # fmt: skip
            yield Entry(article_in(fields), path, digest, fingerprint)

    def stories(self) -> list[tuple[str, ...]]:
        """Return the article ids of every story that has more than one article."""
        found: dict[int, list[str]] = {}
        for article_id, story in self.rows("SELECT id, story FROM articles WHERE story IS NOT NULL ORDER BY id"):
            found.setdefault(story, []).append(article_id)
        return [tuple(ids) for ids in found.values() if len(ids) > 1]

    def told_with(self, article_id: str) -> list[Article]:
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

    def texts_leaving(self, article_ids: Collection[str]) -> set[str]:
        """Return those of `article_ids` whose text is removed with them: no remaining copy would replace them."""
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
        """Map path → article id → digest of what was read, for all articles and copies."""
        found: dict[str, dict[str, str]] = {}
        for table in ("articles", "copies"):
            for path, article_id, digest in self.rows(f"SELECT path, id, digest FROM {table}"):
                found.setdefault(path, {})[article_id] = digest
        return found

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

    # Passages

    def count_passages(self) -> int:
        return int(self.rows("SELECT count(*) FROM passages")[0][0])

    def passages(self, numbers: Sequence[int]) -> list[StoredPassage]:
        """Return passages by their numbers, in the given order, with their articles and sentence vectors."""
        found: dict[int, StoredPassage] = {}
        for some in _chunks(numbers):
            rows = self.rows(
                f"""SELECT p.number, p.start, p."end", a.story, e.sentences, e.spans, {ARTICLE_OF_A}
                FROM passages p JOIN articles a ON a.number = p.article JOIN embeddings e ON e.key = p.embedding
                WHERE p.number IN ({_marks(some)})""",
                *some,
            )
            found |= {row[0]: _passage(row) for row in rows}
        return [found[number] for number in numbers if number in found]

    def stories_of(self, numbers: Sequence[int]) -> dict[int, int]:
        """Map passage number → story of its article; an article without one gets a negative number of its own."""
        found: dict[int, int] = {}
        for some in _chunks(numbers):
            found |= dict(
                self.rows(
                    "SELECT p.number, coalesce(a.story, -a.number) FROM passages p JOIN articles a"
                    f" ON a.number = p.article WHERE p.number IN ({_marks(some)})",
                    *some,
                )
            )
        return found

    def vectors(self, numbers: Sequence[int]) -> Vectors:
        """Return the vectors of passages, all of which must exist, in the given order, shape (passages, dimension)."""
        found: dict[int, bytes] = {}
        for some in _chunks(numbers):
            found |= dict(
                self.rows(
                    "SELECT p.number, e.passage FROM passages p JOIN embeddings e ON e.key = p.embedding"
                    f" WHERE p.number IN ({_marks(some)})",
                    *some,
                )
            )
        return matrix(b"".join(found[number] for number in numbers), len(numbers))

    def vectors_after(self, number: int, most: int) -> tuple[list[int], Vectors]:
        """Return the first `most` passages whose numbers are greater, in order, and their vectors."""
        rows = self.rows(
            "SELECT p.number, e.passage FROM passages p JOIN embeddings e ON e.key = p.embedding"
            " WHERE p.number > ? ORDER BY p.number LIMIT ?",
            number, most,
        )  # fmt: skip
        return [found for found, _ in rows], matrix(b"".join(blob for _, blob in rows), len(rows))

    # Changes

    def files(self) -> dict[str, StoredFile]:
        """Return all files that were read, by path."""
        rows = self.rows("SELECT path, size, modified_ns, refused FROM files")
        return {
            path: StoredFile(path, size, modified, tuple(map(tuple, json.loads(refused))))
            for path, size, modified, refused in rows
        }

    def put_file(self, file: StoredFile) -> None:
        values = (file.path, file.size, file.modified_ns, json.dumps(file.refused))
        self.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", *values)

    def remove_file(self, path: str) -> None:
        self.execute("DELETE FROM files WHERE path = ?", path)

    def put(self, entry: Entry, check: Check = never) -> int:
        """Add an article whose passages' embeddings are stored (or will be before the transaction ends)."""
        article = entry.article
        row = (*values_of(article, entry.path), entry.digest, entry.fingerprint)
        self.execute(f"INSERT INTO articles ({STORED}, checksum) VALUES ({_marks((*row, 0))})", *row, checksum_of(row))
        number = int(self.rows("SELECT number FROM articles WHERE id = ?", article.id)[0][0])
        self._put_passages(number, entry.passages, check)
        # Never removed: a name that no passage has any more only costs a lookup without results.
        self.execute_many("INSERT OR IGNORE INTO names VALUES (?, ?)", checked(sorted(entry.names), check))
        return number

    def cut_again(self, number: int, entry: Entry, check: Check = never) -> None:
        """Replace a stored article's ignored spans and its passages by those of `entry`.

        Where a copy has replaced the article since `entry` was made, it keeps its own title.
        """
        now = self.entry(number)
        if now.article.id == entry.article.id:
            now = entry
        article = replace(now.article, ignored=entry.article.ignored)
        row = (*values_of(article, now.path), now.digest, now.fingerprint)
        self.execute(
            f"UPDATE articles SET ({STORED}, checksum) = ({_marks((*row, 0))}) WHERE number = ?",
            *row, checksum_of(row), number,
        )  # fmt: skip
        self._remove_passages(number)
        self._put_passages(number, entry.passages, check)

    def _put_passages(self, number: int, passages: Sequence[NewPassage], check: Check) -> None:
        self.execute_many(
            'INSERT INTO passages (article, start, "end", language, embedding) VALUES (?, ?, ?, ?, ?)',
            ((number, new.span.start, new.span.end, new.language, new.key) for new in checked(passages, check)),
        )
        numbers = self.rows("SELECT number FROM passages WHERE article = ? ORDER BY number", number)
        self.execute_many(
            "INSERT INTO keywords (rowid, words) VALUES (?, ?)",
            ((passage, new.words) for (passage,), new in checked(zip(numbers, passages, strict=True), check)),
        )

    def put_copy(self, number: int, entry: Entry) -> None:
        """Add a copy of article `number`."""
        a = entry.article
        row = (a.id, entry.path, a.title, a.date, a.date_from, a.date_certainty, a.source, a.author, entry.digest)
        columns = f"{COPY}, checksum, article"
        self.execute(f"INSERT INTO copies ({columns}) VALUES ({_marks((*row, 0, 0))})", *row, checksum_of(row), number)

    def remove(self, article_id: str) -> None:
        """Remove an article or a copy. Where an article has copies, the first of them replaces it."""
        self.execute("DELETE FROM copies WHERE id = ?", article_id)
        rows = self.rows("SELECT number FROM articles WHERE id = ?", article_id)
        if rows and not self._promote(rows[0][0]):
            self._remove_passages(rows[0][0])
            self.execute("DELETE FROM articles WHERE number = ?", rows[0][0])

    def _promote(self, number: int) -> bool:
        first = next(self.copies_of(number, 1), None)
        if first is None:
            return False
        row = (*values_of(first.article, first.path), first.digest, first.fingerprint)
        self.execute("DELETE FROM copies WHERE id = ?", first.article.id)
        self.execute(
            f"UPDATE articles SET ({STORED}, checksum) = ({_marks((*row, 0))}) WHERE number = ?",
            *row, checksum_of(row), number,
        )  # fmt: skip
        return True

    def _remove_passages(self, number: int) -> None:
        passages = self.rows("SELECT number, embedding FROM passages WHERE article = ?", number)
        self.execute_many("INSERT OR IGNORE INTO gone VALUES (?)", ((passage,) for passage, _ in passages))
        self.execute_many("DELETE FROM keywords WHERE rowid = ?", ((passage,) for passage, _ in passages))
        self.execute("DELETE FROM passages WHERE article = ?", number)
        # Deleted only at the end of the change: an updated article may need them again.
        self._loose.update(key for _, key in passages)

    def missing_embeddings(self, keys: Iterable[str]) -> set[str]:
        """Return those of `keys` that no embedding is stored for."""
        wanted = set(keys)
        for some in _chunks(sorted(wanted)):
            wanted -= {key for (key,) in self.rows(f"SELECT key FROM embeddings WHERE key IN ({_marks(some)})", *some)}
        return wanted

    def put_embedding(self, key: str, embedded: PassageEmbedding, sentences: Sequence[Span]) -> None:
        """Store a passage's vectors as float16; `sentences` are spans within the passage."""
        row = (
            key,
            embedded.passage.astype(np.float16).tobytes(),
            embedded.sentences.astype(np.float16).tobytes(),
            json.dumps([(span.start, span.end) for span in sentences]),
        )
        self.execute("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?, ?)", *row, checksum_of(row))

    def next_generation(self) -> None:
        """Delete the embeddings that this change left unused, and increment the generation."""
        self.execute_many(
            "DELETE FROM embeddings WHERE key = ?1 AND NOT EXISTS (SELECT 1 FROM passages WHERE embedding = ?1)",
            ((key,) for key in self._loose),
        )
        self._loose.clear()
        self.set_meta("generation", str(self.generation + 1))

    def _create(self) -> None:
        for statement in TABLES:
            self.execute(statement)
        self.set_meta("made", secrets.token_hex(8))
        self.set_meta("schema", str(VERSIONS.current))
        self.set_meta("passage_rule", CHUNKER_VERSION)

    @property
    def is_outdated(self) -> bool:
        """True if an older version of Jawab made the index and it can be migrated to this one."""
        schema = self.meta("schema") or ""
        return schema.isdecimal() and int(schema) in VERSIONS.steps

    def check_version(self) -> None:
        """Raise `IndexVersion` where another version of Jawab made the index and it cannot be migrated, `IndexMissing`
        where the file has no tables: the process that was creating it was killed.
        """
        if not self.rows("SELECT 1 FROM sqlite_master LIMIT 1"):
            raise IndexMissing(folder=self.folder)
        schema, rule = self.meta("schema"), self.meta("passage_rule")
        if schema is None:
            raise IndexDamaged(folder=self.folder, detail="no schema in meta")
        expected = str(VERSIONS.current)
        if not self.is_outdated and (schema, rule) != (expected, CHUNKER_VERSION):
            found = f"{schema} {rule or ''}".strip()
            raise IndexVersion(folder=self.folder, found=found, expected=f"{expected} {CHUNKER_VERSION}")

    def _migrate(self) -> None:
        self.check_version()
        with self.connection() as connection:
            migrate(connection, self.folder / FILE, VERSIONS)
        self.check_version()


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


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _FEW):
        yield values[start : start + _FEW]
