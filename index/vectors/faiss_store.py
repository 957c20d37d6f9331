"""Vector store of FAISS: one file, exact while that is fast, approximate beyond."""

from __future__ import annotations

from index.runtime.cancellation import Check, never
from index.storage.catalog import Catalog
from index.vectors import faiss_file
from index.vectors.faiss_index import FaissIndex


class FaissStore:
    """`index.vectors.store.VectorStore` in a FAISS file (`index/vectors/faiss_file.py`)."""

    def open(self, catalog: Catalog) -> FaissIndex:
        return FaissIndex.of(catalog)

    def needs_update(self, catalog: Catalog) -> bool:
        return faiss_file.is_behind(catalog)

    def update(self, catalog: Catalog, check: Check = never) -> None:
        faiss_file.compact(catalog, check)

    def clean_up(self, catalog: Catalog) -> None:
        faiss_file.drop_other_files(catalog)

    def reset(self, catalog: Catalog) -> None:
        faiss_file.forget(catalog)

    def is_damaged(self, catalog: Catalog) -> bool:
        return faiss_file.is_damaged(catalog)

    def files(self, catalog: Catalog) -> list[str]:
        stored = faiss_file.stored_metadata(catalog)
        return [stored.file] if stored else []


FAISS = FaissStore()
"""The default store; it has no state."""
