"""One writer at a time: `with writing(folder) as catalog` holds an index for changing it; `changing` makes none."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from index.errors import IndexBusy, IndexMissing
from index.storage.catalog import Catalog
from index.storage.database import storage_errors

LOCK = "writer.lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """`folder`, held by this process alone: who moves it must hold it too. Raises `IndexMissing` where there is no such
    folder, and makes none; `IndexBusy` if another process or thread holds it.

    The lock is the operating system's: it goes with the process, however that ends.
    """
    with storage_errors(folder):
        lock = _locked(folder)
    try:
        yield
    finally:
        # Said, and not left to the closing: a child that was forked meanwhile would keep the lock.
        fcntl.flock(lock, fcntl.LOCK_UN)
        os.close(lock)


@contextmanager
def writing(folder: Path) -> Iterator[Catalog]:
    """The catalogue of `folder`, to change it; an empty one is made where there is none. Raises `IndexBusy`."""
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with held(folder), _opened(folder) as catalog:
        yield catalog


@contextmanager
def changing(folder: Path) -> Iterator[Catalog]:
    """The catalogue that is in `folder`, to change it. Raises `IndexMissing`, and then makes nothing; `IndexBusy`."""
    _require(folder)
    with held(folder):
        _require(folder)
        with _opened(folder) as catalog:
            yield catalog


def _locked(folder: Path) -> int:
    """The open file whose lock is held. Not `FileLock`: that makes the folder, which may have been moved just now."""
    with ExitStack() as on_error:
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            on_error.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            moved = not os.path.samestat(os.fstat(lock), (folder / LOCK).stat())
        except BlockingIOError as error:
            raise IndexBusy(folder=folder) from error
        except FileNotFoundError as error:
            raise IndexMissing(folder=folder) from error
        if moved:
            raise IndexMissing(folder=folder)
        on_error.pop_all()
    return lock


def _require(folder: Path) -> None:
    with storage_errors(folder):
        if not Catalog.exists(folder):
            raise IndexMissing(folder=folder)


@contextmanager
def _opened(folder: Path) -> Iterator[Catalog]:
    with closing(Catalog.open_or_create(folder)) as catalog:
        yield catalog
