"""SQLite as Jawab uses it: one file, many readers who see the last whole state, one writer, errors with names."""

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

_PATIENCE = 10_000
"""Milliseconds to wait for another connection's short lock."""
_SHORT_PATIENCE = 200
"""Milliseconds to wait for a reader where nothing is lost by doing the work later."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FAILED = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT)
"""The disk's own errors, or a network's that it lies behind; any other is a mistake of the program."""


class Database:
    """A connection that threads may share. In WAL mode a reader never waits for the writer, nor sees half of it."""

    def __init__(self, path: Path, writable: bool) -> None:
        self.folder = path.parent
        self.closed = False
        self._path = path
        self._lock = threading.RLock()
        with storage_errors(self.folder):
            self._connection = _connected(path, _mode(path, writable))
            self._connection.execute("PRAGMA foreign_keys = ON")
            if writable:
                self._connection.execute("PRAGMA journal_mode = WAL")
                # A transaction that is over is on the disk, also after a power cut; NORMAL would lose the latest ones.
                self._connection.execute("PRAGMA synchronous = FULL")
                # Only `merge_log` merges, so that page checksums can be kept (`index/storage/page_checksums.py`).
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

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything read inside is of one state, whatever a writer does meanwhile."""
        with storage_errors(self.folder), self._lock:
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """SQLite's own connection, for what works on the whole file; other threads wait."""
        with storage_errors(self.folder), self._lock:
            yield self._connection

    def merge_log(self) -> bool:
        """Move what the write-ahead log holds into the file; False where a reader still needs the old pages."""
        self.execute(f"PRAGMA busy_timeout = {_SHORT_PATIENCE}")
        busy, _, _ = self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
        self.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        return not busy

    def close(self) -> None:
        """Close it; a log that `merge_log` has not merged stays as it is."""
        with self._lock:
            self.closed = True
            log = self._path.with_name(self._path.name + "-wal")
            if log.exists() and log.stat().st_size:
                # The last connection to close merges the log, unless it may only read.
                with suppress(sqlite3.Error), closing(_connected(self._path, "mode=ro")) as reader:
                    reader.execute("SELECT 1 FROM sqlite_master").fetchone()
                    self._connection.close()
            self._connection.close()


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_PATIENCE / 1000,
    )


def _mode(path: Path, writable: bool) -> str:
    if writable:
        return "mode=rwc"
    # Even a reader keeps a small file beside a WAL database. Where it may not, and none is there, nobody is writing.
    shared = path.with_name(path.name + "-shm").exists() or os.access(path.parent, os.W_OK)
    return "mode=ro" if shared else "mode=ro&immutable=1"


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the operating system say about `folder` into Jawab's errors."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a mistake of the program (a closed index was asked), which says nothing about the folder
    except sqlite3.Error as error:
        raise _storage_error(error, folder) from error
    except PermissionError as error:
        raise PermissionDenied(path=error.filename or folder) from error
    except OSError as error:
        if error.errno == errno.EROFS:
            raise PermissionDenied(path=error.filename or folder) from error
        if error.errno in _FULL:
            raise DiskFull(folder=folder) from error
        if error.errno in _FAILED:
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
