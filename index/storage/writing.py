"""Exclusive write access to an index: `writing` creates a missing one, `changing` requires one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from index.errors import IndexMissing
from index.storage import private
from index.storage.catalog import Catalog
from index.storage.database import storage_errors
from index.storage.lock import REPAIRING, write_lock


@contextmanager
def writing(folder: Path) -> Iterator[Catalog]:
    """Open the catalogue of `folder` for writing, creating an empty one if missing. Raises `IndexLocked`."""
    with storage_errors(folder):
        private.make_folder(folder)
    with write_lock(folder), _opened(folder) as catalog:
        yield catalog


@contextmanager
def changing(folder: Path) -> Iterator[Catalog]:
    """Open the existing catalogue of `folder` for writing. Raises `IndexLocked`; `IndexMissing`, creating nothing."""
    _require(folder)
    with write_lock(folder):
        _require(folder)
        with _opened(folder) as catalog:
            yield catalog


def _require(folder: Path) -> None:
    with storage_errors(folder):
        if not Catalog.exists(folder):
            raise IndexMissing(folder=folder)


@contextmanager
def _opened(folder: Path) -> Iterator[Catalog]:
    _clear_away(folder)
    with closing(Catalog.open_or_create(folder)) as catalog:
        yield catalog


def _clear_away(folder: Path) -> None:
    """Delete the partial files of an earlier process that was killed."""
    with storage_errors(folder):
        for partial in folder.glob("*.partial"):
            partial.unlink(missing_ok=True)
    shutil.rmtree(folder / REPAIRING, ignore_errors=True)
