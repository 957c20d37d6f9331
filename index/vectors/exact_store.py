"""Vector store without files: all vectors in memory, compared exactly with NumPy.

For small collections: every search compares all vectors. It is not used by default.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from index.embeddings import Vectors
from index.runtime.cancellation import Check, never
from index.storage.catalog import Catalog
from index.vectors.store import ScoredIds


class ExactIndex:
    """All vectors of a catalogue, shape (passages, dimension), in memory."""

    def __init__(self, catalog: Catalog) -> None:
        numbers, self._vectors = catalog.vectors_after(0, -1)
        self._numbers: npt.NDArray[np.int64] = np.asarray(numbers, dtype=np.int64)

    def nearest(self, query: Vectors, k: int, catalog: Catalog, allowed: Collection[int] | None = None) -> ScoredIds:
        if not len(self._numbers):
            return []
        scores = self._vectors @ query
        if allowed is not None:
            scores = np.where(np.isin(self._numbers, [*allowed]), scores, -np.inf)
        order = np.argsort(-scores, kind="stable")[:k]
        return [(int(self._numbers[at]), float(scores[at])) for at in order if np.isfinite(scores[at])]

    def refreshed(self, catalog: Catalog) -> ExactIndex:
        return ExactIndex(catalog)


class ExactStore:
    """`index.vectors.store.VectorStore` in memory."""

    def open(self, catalog: Catalog) -> ExactIndex:
        return ExactIndex(catalog)

    def needs_update(self, catalog: Catalog) -> bool:
        return False

    def update(self, catalog: Catalog, check: Check = never) -> None:
        pass

    def clean_up(self, catalog: Catalog) -> None:
        pass

    def reset(self, catalog: Catalog) -> None:
        pass

    def is_damaged(self, catalog: Catalog) -> bool:
        return False

    def files(self, catalog: Catalog) -> list[str]:
        return []
