"""The vectors of all passages in FAISS: exact inner product over unit vectors, which is the cosine.

The file carries the generation of the catalogue it was made from in its name. One that is missing, damaged or
of another generation is made again from the catalogue, so that losing it loses nothing.
"""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from index.catalog import Catalog, storage_errors
from index.embed import Vectors


class VectorIndex:
    """Passage numbers by nearness to a query vector."""

    def __init__(self, faiss_index: faiss.Index) -> None:
        self._index = faiss_index

    @classmethod
    def of(cls, catalog: Catalog) -> VectorIndex:
        """The vectors of `catalog`: from its file if that is whole and current, else made again."""
        return cls._read(catalog) or cls._build(catalog)

    @classmethod
    def _read(cls, catalog: Catalog) -> VectorIndex | None:
        path = _path(catalog)
        if not path.is_file():
            return None
        try:
            index = faiss.deserialize_index(np.fromfile(path, dtype=np.uint8))
        except RuntimeError:  # FAISS's word for a file that it cannot read
            return None
        return cls(index) if index.ntotal == catalog.count_passages() else None

    @classmethod
    def _build(cls, catalog: Catalog) -> VectorIndex:
        numbers, vectors = catalog.passage_vectors()
        index = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.shape[1] or 1))
        if numbers:
            index.add_with_ids(vectors, np.asarray(numbers, dtype=np.int64))
        return cls(index)

    def save(self, catalog: Catalog) -> None:
        """Write the file of the catalogue's generation and remove those of earlier ones."""
        path = _path(catalog)
        partial = path.with_suffix(".partial")
        with storage_errors(catalog.folder):
            try:
                faiss.serialize_index(self._index).tofile(partial)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
            for old in catalog.folder.glob("vectors-*.faiss"):
                if old != path:
                    old.unlink()

    def nearest(self, query: Vectors, k: int) -> list[tuple[int, float]]:
        """(passage number, cosine) of the `k` nearest to `query` (shape (dimension,)), best first."""
        if not self._index.ntotal:
            return []
        scores, numbers = self._index.search(query[np.newaxis], min(k, self._index.ntotal))
        return [(int(number), float(score)) for number, score in zip(numbers[0], scores[0], strict=True)]


def _path(catalog: Catalog) -> Path:
    return catalog.folder / f"vectors-{catalog.generation}.faiss"
