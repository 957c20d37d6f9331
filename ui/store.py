"""SQLite stores other than the index: opened on first use, changed in transactions."""

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
    """Create missing `tables` (CREATE … IF NOT EXISTS) within the caller's transaction."""
    for statement in tables.split(";"):
        connection.execute(statement)


class SQLiteStore:
    """The database in `file`. A new one is created with `tables`, those of the current version; an older one is
    migrated when it is opened.

    Thread-safe. Raises `StoreNewer`, and `storage_errors`' errors.
    """

    def __init__(self, file: Path, tables: str, versions: Versions) -> None:
        self.file = file
        self._tables = tables
        self._versions = versions
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def rows(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection, within one transaction."""
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
        """Open a connection, with the tables of the current version. On errors it is closed; the next use retries."""
        private.make_folder(self.file.parent)
        private.claim_database(self.file)
        connection = sqlite3.connect(self.file, check_same_thread=False)
        with ExitStack() as on_error:
            on_error.callback(connection.close)
            connection.execute("PRAGMA journal_mode = WAL")
            # Committed transactions survive a power cut.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
                self._create(connection)
            migrate(connection, self.file, self._versions)
            on_error.pop_all()
        return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        # Another process may do this at the same time: the second one finds the tables.
        connection.executescript(
            f"BEGIN IMMEDIATE; {self._tables}; PRAGMA user_version = {self._versions.current:d}; COMMIT"
        )
