"""Protocols of vector stores: nearest-neighbour search over the passages' vectors.

The catalogue (`index/storage/catalog.py`) has all vectors; a store is derived from it and may have files of its own in
the index folder. To add one, implement both protocols, add it to `tests/test_vector_stores.py`, and pass it to
`Retriever` and to the functions of `index/indexer.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from index.embeddings import Vectors
from index.runtime.cancellation import Check, never
from index.storage.catalog import Catalog

ScoredIds = list[tuple[int, float]]
"""Passage numbers with their cosine, best first."""


class VectorIndex(Protocol):
    """Nearest-neighbour search over the passages of one state of a catalogue. Immutable."""

    def nearest(self, query: Vectors, k: int, catalog: Catalog, allowed: Collection[int] | None = None) -> ScoredIds:
        """Return the `k` passages nearest to `query` (shape (dimension,), unit length).

        `allowed` restricts the passages; `catalog` must be in the same state as this index.
        """

    def refreshed(self, catalog: Catalog) -> VectorIndex:
        """Return the index after a change of `catalog`."""


class VectorStore(Protocol):
    """Storage of vectors for search. Its files, if any, are in the catalogue's folder and can be rebuilt."""

    def open(self, catalog: Catalog) -> VectorIndex:
        """Open the index of the catalogue's current state; a missing or damaged file is no error."""

    def needs_update(self, catalog: Catalog) -> bool:
        """Return whether `update` should be called, because the changes since the last one slow down search."""

    def update(self, catalog: Catalog, check: Check = never) -> None:
        """Update the files. Called in a transaction, after which `clean_up` is called even if it failed."""

    def clean_up(self, catalog: Catalog) -> None:
        """Delete files of earlier states and of failed transactions."""

    def reset(self, catalog: Catalog) -> None:
        """Discard the files, so that the next `update` builds new ones from all passages."""

    def is_damaged(self, catalog: Catalog) -> bool:
        """Return whether a file is missing or differs from its checksum."""

    def files(self, catalog: Catalog) -> list[str]:
        """Return the names of the files that a copy of the index needs."""
