"""A SQLite file of the program's own beside the index: opened when it is first used, changed in whole transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from index.storage import private
from index.storage.database import storage_errors


class Store:
    """The database in `file`, with these tables; `prepare` brings those of an earlier Jawab up to date.

    Safe to use from several threads. Raises what `storage_errors` makes of SQLite's errors.
    """

    def __init__(
        self, file: Path, tables: str, prepare: Callable[[sqlite3.Connection], None] = lambda connection: None
    ) -> None:
        self.file = file
        self._tables = tables
        self._prepare = prepare
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
        """A connection whose tables are there; where making them fails, it is closed and the next use tries again."""
        private.make_folder(self.file.parent)
        private.claim_database(self.file)
        connection = sqlite3.connect(self.file, check_same_thread=False)
        with ExitStack() as on_error:
            on_error.callback(connection.close)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.executescript(self._tables)
            self._prepare(connection)
            on_error.pop_all()
        return connection
