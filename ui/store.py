"""A SQLite file of the program's own beside the index: opened when it is first used, changed in whole transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from index.storage import private
from index.storage.database import storage_errors
from index.storage.migrations import Versions, migrate


def create_missing(connection: sqlite3.Connection, tables: str) -> None:
    """Make those of `tables` (CREATE … IF NOT EXISTS) that are not there, within the caller's transaction."""
    for statement in tables.split(";"):
        connection.execute(statement)


class SQLiteStore:
    """The database in `file`. A new one gets `tables`, which are those of the current version; an older one is
    migrated when it is opened.

    Safe to use from several threads. Raises `StoreNewer`, and what `storage_errors` makes of SQLite's errors.
    """

    def __init__(self, file: Path, tables: str, versions: Versions) -> None:
        self.file = file
        self._tables = tables
        self._versions = versions
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def rows(self) -> Iterator[sqlite3.Connection]:
        """The database within one transaction."""
        with self._lock, storage_errors(self.file.parent):
            if self._connection is None:
                self._connection = self._connect()
            with self._connection:
                yield self._connection

    def close(self) -> None:
        with self._lock:
            if self._connection:
                self._connection.close()
                self._connection = None

    def _connect(self) -> sqlite3.Connection:
        """A connection whose tables are those of the current version; where that fails, it is closed and the next use
        tries again."""
        private.make_folder(self.file.parent)
        private.claim_database(self.file)
        connection = sqlite3.connect(self.file, check_same_thread=False)
        with ExitStack() as on_error:
            on_error.callback(connection.close)
            connection.execute("PRAGMA journal_mode = WAL")
            # What a caller is told to be stored is on the disk, also after a power cut.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
                self._create(connection)
            migrate(connection, self.file, self._versions)
            on_error.pop_all()
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        # Another process may do the same at this moment: the second to come finds the tables.
        connection.executescript(
            f"BEGIN IMMEDIATE; {self._tables}; PRAGMA user_version = {self._versions.current:d}; COMMIT"
        )
