"""The catalogue: articles, passages and embeddings in one SQLite file, the index's single source of truth.

Everything else in an index folder (the FAISS file) is derived from it and can be rebuilt. Embeddings are keyed by the
embedded text, so the same passage is never embedded twice, and an interrupted run loses no embeddings. A change of
articles is one transaction.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from index.articles import Span
from index.embeddings import PassageEmbedding
from index.errors import (
    IndexDamaged,
    IndexMissing,
    IndexOutdated,
    IndexVersion,
    PermissionDenied,
)
from index.runtime.cancellation import Check, checked, never
from index.storage import private
from index.storage.catalog_reader import CatalogReader, placeholders
from index.storage.database import Database, storage_errors
from index.storage.entries import Entry, NewPassage, StoredFile
from index.storage.lock import FILE, write_lock
from index.storage.migrations import migrate
from index.storage.page_checksums import checkpoint_and_checksum, sum_all
from index.storage.rows import (
    COPY,
    STORED,
    checksum_of,
    values_of,
)
from index.storage.schema import TABLES, VERSIONS
from index.text.chunker import CHUNKER_VERSION


class Catalog(CatalogReader):
    """The catalogue of one index. Safe to use from several threads; one process writes at a time."""

    def __init__(self, folder: Path, database: Database) -> None:
        super().__init__(folder, database)
        self.execute = database.execute
        self.execute_many = database.execute_many
        self.connection = database.connection
        self._unreferenced_keys: set[str] = set()

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
            # The version is checked first, so that an index of another version is not changed.
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

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a transaction; afterwards the log is merged into the file and its pages are checksummed."""
        with self._database.transaction():
            yield
        checkpoint_and_checksum(self._database, self.folder / FILE)

    def sum_pages(self) -> None:
        """Compute the checksums of all pages of the file, for a copy from elsewhere."""
        sum_all(self._database, self.folder / FILE)

    def set_embedder(self, fingerprint: str) -> None:
        self.set_meta("embedder", fingerprint)

    def set_meta(self, key: str, value: str) -> None:
        self.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def put_file(self, file: StoredFile) -> None:
        values = (file.path, file.size, file.modified_ns, json.dumps(file.refused))
        self.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", *values)

    def remove_file(self, path: str) -> None:
        self.execute("DELETE FROM files WHERE path = ?", path)

    def put(self, entry: Entry, check: Check = never) -> int:
        """Add an article whose passages' embeddings are stored (or will be before the transaction ends)."""
        article = entry.article
        row = (*values_of(article, entry.path), entry.digest, entry.fingerprint)
        self.execute(
            f"INSERT INTO articles ({STORED}, checksum) VALUES ({placeholders((*row, 0))})", *row, checksum_of(row)
        )
        number = int(self.rows("SELECT number FROM articles WHERE id = ?", article.id)[0][0])
        self._put_passages(number, entry.passages, check)
        # Never removed: a name without passages only costs a lookup without results.
        self.execute_many("INSERT OR IGNORE INTO names VALUES (?, ?)", checked(sorted(entry.names), check))
        return number

    def rechunk(self, number: int, entry: Entry, check: Check = never) -> None:
        """Replace a stored article's ignored spans and its passages by those of `entry`.

        Where a copy has replaced the article since `entry` was made, it keeps its own title.
        """
        stored = self.entry(number)
        if stored.article.id == entry.article.id:
            stored = entry
        article = replace(stored.article, ignored=entry.article.ignored)
        row = (*values_of(article, stored.path), stored.digest, stored.fingerprint)
        self.execute(
            f"UPDATE articles SET ({STORED}, checksum) = ({placeholders((*row, 0))}) WHERE number = ?",
            *row, checksum_of(row), number,
        )  # fmt: skip
        self._remove_passages(number)
        self._put_passages(number, entry.passages, check)

    def _put_passages(self, number: int, passages: Sequence[NewPassage], check: Check) -> None:
        self.execute_many(
            'INSERT INTO passages (article, start, "end", language, embedding) VALUES (?, ?, ?, ?, ?)',
            (
                (number, new_passage.span.start, new_passage.span.end, new_passage.language, new_passage.key)
                for new_passage in checked(passages, check)
            ),
        )
        numbers = self.rows("SELECT number FROM passages WHERE article = ? ORDER BY number", number)
        self.execute_many(
            "INSERT INTO keywords (rowid, words) VALUES (?, ?)",
            (
                (passage, new_passage.words)
                for (passage,), new_passage in checked(zip(numbers, passages, strict=True), check)
            ),
        )

    def put_copy(self, number: int, entry: Entry) -> None:
        """Add a copy of article `number`."""
        a = entry.article
        row = (a.id, entry.path, a.title, a.date, a.date_from, a.date_certainty, a.source, a.author, entry.digest)
        columns = f"{COPY}, checksum, article"
        self.execute(
            f"INSERT INTO copies ({columns}) VALUES ({placeholders((*row, 0, 0))})", *row, checksum_of(row), number
        )

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
            f"UPDATE articles SET ({STORED}, checksum) = ({placeholders((*row, 0))}) WHERE number = ?",
            *row, checksum_of(row), number,
        )  # fmt: skip
        return True

    def _remove_passages(self, number: int) -> None:
        passages = self.rows("SELECT number, embedding FROM passages WHERE article = ?", number)
        self.execute_many("INSERT OR IGNORE INTO gone VALUES (?)", ((passage,) for passage, _ in passages))
        self.execute_many("DELETE FROM keywords WHERE rowid = ?", ((passage,) for passage, _ in passages))
        self.execute("DELETE FROM passages WHERE article = ?", number)
        # Deleted only at the end of the change: an updated article may need them again.
        self._unreferenced_keys.update(key for _, key in passages)

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
            ((key,) for key in self._unreferenced_keys),
        )
        self._unreferenced_keys.clear()
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
