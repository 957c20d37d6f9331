"""Write lock of an index: one process at a time changes its folder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from index.errors import IndexLocked, IndexMissing
from index.storage import private
from index.storage.database import storage_errors

LOCK = "writer.lock"
REPAIRING = "repairing"
"""The folder in which `index/recovery.py` rebuilds a damaged index."""
FILE = "catalog.sqlite"
"""The file that the folder is locked for."""
_RETRY_INTERVAL = 0.02
_LOCK_TIMEOUT = 1.0
"""Seconds to wait for the lock. A process that is killed may just have forked: until its child executes another
program, the child shares the lock."""


@contextmanager
def write_lock(folder: Path) -> Iterator[None]:
    """Hold the exclusive lock of `folder`, which is also needed to move the folder.

    Raises `IndexMissing` if the folder does not exist, which is not created; `IndexLocked` if another process or thread
    holds the lock until the timeout. The operating system releases the lock when the process ends, also after a crash.
    """
    with storage_errors(folder):
        lock = _open_locked(folder)
    try:
        yield
    finally:
        # Explicitly, not by closing the file: a child that was forked meanwhile would keep the lock.
        fcntl.flock(lock, fcntl.LOCK_UN)
        with suppress(OSError):  # a failing disk; the file is closed nevertheless
            os.close(lock)


def _open_locked(folder: Path) -> int:
    """Return the locked file's descriptor. Not `FileLock`: that makes the folder, which may just have been moved."""
    with ExitStack() as on_error:
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, private.mode_like(folder / FILE))
            on_error.callback(os.close, lock)
            _lock_with_timeout(lock)
            moved = not os.path.samestat(os.fstat(lock), (folder / LOCK).stat())
        except BlockingIOError as error:
            raise IndexLocked(folder=folder) from error
        except FileNotFoundError as error:
            raise IndexMissing(folder=folder) from error
        if moved:
            raise IndexMissing(folder=folder)
        on_error.pop_all()
    return lock


def _lock_with_timeout(lock: int) -> None:
    """Lock, waiting at most `_LOCK_TIMEOUT` seconds. Raises `BlockingIOError`."""
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_INTERVAL)
        else:
            return
