"""The lock of an index: one process at a time changes what is in its folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from index.errors import IndexBusy
from index.storage import private
from index.storage.database import storage_errors

LOCK = "writer.lock"
FILE = "catalog.sqlite"
"""The file that the folder is locked for."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """`folder`, held by this process alone. Raises `IndexBusy` if another holds it.

    The lock is the operating system's: it goes with the process, however that ends.
    """
    with storage_errors(folder):
        private.make_folder(folder)
        lock = FileLock(folder / LOCK, timeout=0, mode=private.mode_like(folder / FILE))
        try:
            lock.acquire()
        except Timeout as error:
            raise IndexBusy(folder=folder) from error
    try:
        yield
    finally:
        lock.release()
