"""Wrapper of SQLite: one file, many readers that see the last committed state, one writer, typed errors."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from index.errors import DiskFailed, DiskFull, IndexDamaged, IndexLocked, JawabError, PermissionDenied

_BUSY_TIMEOUT = 10_000
"""Milliseconds to wait for another connection's short lock."""
_SHORT_BUSY_TIMEOUT = 200
"""Milliseconds to wait for a reader where the work can be done later."""
_DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_DISK_ERRORS = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT)
"""Errors of the disk or of the network that it is mounted over; any other is a programming error."""


class Database:
    """A thread-safe connection. In WAL mode a reader neither waits for the writer nor sees partial changes."""

    def __init__(self, path: Path, writable: bool) -> None:
        self.folder = path.parent
        self.closed = False
        self._path = path
        self._lock = threading.RLock()
        with storage_errors(self.folder):
            self._connection = _connect(path, _open_mode(path, writable))
            self._connection.execute("PRAGMA foreign_keys = ON")
            if writable:
                self._connection.execute("PRAGMA journal_mode = WAL")
                # A committed transaction survives a power cut; NORMAL would lose the latest ones.
                self._connection.execute("PRAGMA synchronous = FULL")
                # Only `merge_log` merges, so that page checksums stay valid (`index/storage/page_checksums.py`).
                self._connection.execute("PRAGMA wal_autocheckpoint = 0")

    def execute(self, statement: str, *values: object) -> None:
        with storage_errors(self.folder), self._lock:
            self._connection.execute(statement, values)

    def execute_many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        with storage_errors(self.folder), self._lock:
            self._connection.executemany(statement, rows)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with storage_errors(self.folder), self._lock:
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run a transaction, which is rolled back on an exception."""
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

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read transaction: all reads inside it see the same state, independent of concurrent writes."""
        with storage_errors(self.folder), self._lock:
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Yield SQLite's own connection for operations on the whole file; other threads wait."""
        with storage_errors(self.folder), self._lock:
            yield self._connection

    def merge_log(self) -> bool:
        """Merge the write-ahead log into the file. Returns False where a reader still needs the old pages."""
        self.execute(f"PRAGMA busy_timeout = {_SHORT_BUSY_TIMEOUT}")
        busy, _, _ = self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        self.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT}")
        return not busy

    def close(self) -> None:
        """Close the connection; a log that `merge_log` has not merged is left as it is."""
        with self._lock:
            self.closed = True
            log = self._path.with_name(self._path.name + "-wal")
            if log.exists() and log.stat().st_size:
                # The last connection to close merges the log, unless it is read-only.
                with suppress(sqlite3.Error), closing(_connect(self._path, "mode=ro")) as reader:
                    reader.execute("SELECT 1 FROM sqlite_master").fetchone()
                    self._connection.close()
            self._connection.close()


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_TIMEOUT / 1000,
    )


def _open_mode(path: Path, writable: bool) -> str:
    if writable:
        return "mode=rwc"
    # Even a reader needs the "-shm" file of a WAL database. If it is missing and cannot be made, there is no writer.
    can_share_memory = path.with_name(path.name + "-shm").exists() or os.access(path.parent, os.W_OK)
    return "mode=ro" if can_share_memory else "mode=ro&immutable=1"


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Convert errors of SQLite and the operating system for `folder` to `JawabError` subclasses."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a programming error (use of a closed index), not a problem of the folder
    except sqlite3.Error as error:
        raise _storage_error(error, folder) from error
    except PermissionError as error:
        raise PermissionDenied(path=error.filename or folder) from error
    except OSError as error:
        if error.errno == errno.EROFS:
            raise PermissionDenied(path=error.filename or folder) from error
        if error.errno in _DISK_FULL_ERRORS:
            raise DiskFull(folder=folder) from error
        if error.errno in _DISK_ERRORS:
            raise DiskFailed(folder=folder, detail=error.strerror) from error
        raise


def _storage_error(error: sqlite3.Error, folder: Path) -> JawabError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(folder=folder)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return IndexLocked(folder=folder)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return PermissionDenied(path=folder)
    if code == sqlite3.SQLITE_IOERR:
        return DiskFailed(folder=folder, detail=str(error))
    return IndexDamaged(folder=folder, detail=str(error))
