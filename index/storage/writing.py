"""One writer at a time: `with writing(folder) as catalog` holds an index for changing it; `changing` makes none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from index.errors import IndexMissing
from index.storage import private
from index.storage.catalog import Catalog
from index.storage.database import storage_errors
from index.storage.lock import held


@contextmanager
def writing(folder: Path) -> Iterator[Catalog]:
    """The catalogue of `folder`, to change it; an empty one is made where there is none. Raises `IndexBusy`."""
    with storage_errors(folder):
        private.make_folder(folder)
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


def _require(folder: Path) -> None:
    with storage_errors(folder):
        if not Catalog.exists(folder):
            raise IndexMissing(folder=folder)


@contextmanager
def _opened(folder: Path) -> Iterator[Catalog]:
    with closing(Catalog.open_or_create(folder)) as catalog:
        yield catalog
