"""One writer at a time: `with writing(folder) as catalog` holds an index for changing it; `changing` makes none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from index.errors import IndexBusy, IndexMissing
from index.storage.catalog import Catalog
from index.storage.database import storage_errors

LOCK = "writer.lock"
_PATIENCE = 1.0
"""Seconds to wait for the lock. A process that is killed may just have forked: until its child executes another
program, the child shares the lock."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """`folder`, held by this process alone. Raises `IndexBusy` if another goes on holding it.

    The lock is the operating system's: it goes with the process, however that ends.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK, timeout=_PATIENCE)
        try:
            lock.acquire()
        except Timeout as error:
            raise IndexBusy(folder=folder) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def writing(folder: Path) -> Iterator[Catalog]:
    """The catalogue of `folder`, to change it; an empty one is made where there is none. Raises `IndexBusy`."""
    with held(folder), _opened(folder) as catalog:
        yield catalog


@contextmanager
def changing(folder: Path) -> Iterator[Catalog]:
    """The catalogue that is in `folder`, to change it. Raises `IndexMissing`, and then makes no folder; `IndexBusy`."""
    _require(folder)
    with held(folder):
        _require(folder)
        with _opened(folder) as catalog:
            yield catalog


def _require(folder: Path) -> None:
    with storage_errors(folder):
        if not Catalog.exists(folder):
            raise IndexMissing(folder=folder)


@contextmanager
def _opened(folder: Path) -> Iterator[Catalog]:
    with closing(Catalog.open_or_create(folder)) as catalog:
        yield catalog
