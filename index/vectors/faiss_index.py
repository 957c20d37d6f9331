"""FAISS index of all passages: nearest-neighbour search by inner product of unit vectors, i.e. cosine.

Most vectors are in the FAISS file (`index/vectors/faiss_file.py`), which is approximate for large collections: its
best candidates are then rescored with the catalogue's vectors. Later passages are searched exactly beside it and
deleted ones are skipped, so that a change of a few articles writes no vector. `docs/benchmarks.md` has recall, speed
and memory.
"""

from __future__ import annotations

from collections.abc import Collection

import faiss
import numpy as np
import numpy.typing as npt

from index.embeddings import Vectors
from index.storage.catalog import Catalog
from index.vectors.faiss_file import FaissFile, Numbers, deleted_ids, is_ivf, load, stored_metadata
from index.vectors.store import ScoredIds

EXACT_FILTER_LIMIT = 2_000
"""Most passages left by a filter that are compared exhaustively."""
PROBES = 16
"""Lists of the inverted file that are searched (`nprobe`): trades recall for time."""
_CANDIDATES = 2
"""Candidates rescored for each passage of the result."""


class FaissIndex:
    """Immutable vector index of passage numbers; `refreshed` returns an updated one."""

    def __init__(
        self, base: FaissFile | None, index: faiss.Index | None, tail: tuple[Numbers, Vectors], deleted: Numbers
    ) -> None:
        self._base = base
        self._index = index
        self._tail_numbers, self._tail = tail
        self._deleted = deleted

    @classmethod
    def of(cls, catalog: Catalog) -> FaissIndex:
        """Make the index of the current state of `catalog`, without the base if that is missing or damaged."""
        base, index = load(catalog)
        return cls(base, index, _vectors_after(catalog, base.last if base else 0), deleted_ids(catalog))

    def refreshed(self, catalog: Catalog) -> FaissIndex:
        """Return the index after a change of `catalog`, reading only new vectors."""
        if stored_metadata(catalog) != self._base:
            return FaissIndex.of(catalog)
        last_number = int(self._tail_numbers[-1]) if len(self._tail_numbers) else self._base.last if self._base else 0
        numbers, vectors = _vectors_after(catalog, last_number)
        deleted = deleted_ids(catalog)
        remaining = ~np.isin(self._tail_numbers, deleted)
        tail = (
            np.concatenate([self._tail_numbers[remaining], numbers]),
            np.concatenate([self._tail[remaining], vectors]) if len(self._tail) and len(vectors) else
            vectors if len(vectors) else self._tail[remaining],
        )  # fmt: skip
        return FaissIndex(self._base, self._index, tail, deleted)

    def nearest(self, query: Vectors, k: int, catalog: Catalog, allowed: Collection[int] | None = None) -> ScoredIds:
        if allowed is not None and len(allowed) <= EXACT_FILTER_LIMIT:
            numbers = np.fromiter(allowed, dtype=np.int64, count=len(allowed))
            return _best(numbers, catalog.vectors(numbers.tolist()) @ query if len(numbers) else np.zeros(0), k)
        allowed_numbers = (
            np.sort(np.fromiter(allowed, dtype=np.int64, count=len(allowed))) if allowed is not None else None
        )
        return _merged(
            self._from_base(query, k, catalog, allowed_numbers), self._from_tail(query, k, allowed_numbers), k
        )

    def _from_base(self, query: Vectors, k: int, catalog: Catalog, allowed: Numbers | None) -> ScoredIds:
        if self._index is None or not self._index.ntotal:
            return []
        exact = not is_ivf(self._index)
        # A filter leaves fewer candidates in each list: search more lists.
        probes = PROBES if allowed is None else 4 * PROBES
        parameters = faiss.SearchParameters() if exact else _probing(probes)
        # Held in a variable: FAISS holds no references to the parts of a selector.
        selectors = _selectors(self._deleted, allowed)
        if selectors:
            parameters.sel = selectors[-1]
        # One thread a query: queries already run in parallel.
        faiss.omp_set_num_threads(1)
        limit = min(k if exact else max(_CANDIDATES * k, 20), self._index.ntotal)
        scores, numbers = self._index.search(query[np.newaxis], limit, params=parameters)
        is_valid = numbers[0] >= 0
        if exact:
            return _best(numbers[0][is_valid], scores[0][is_valid], k)
        candidates = numbers[0][is_valid]
        return _best(candidates, catalog.vectors(candidates.tolist()) @ query if len(candidates) else np.zeros(0), k)

    def _from_tail(self, query: Vectors, k: int, allowed: Numbers | None) -> ScoredIds:
        if not len(self._tail):
            return []
        if allowed is None:
            return _best(self._tail_numbers, self._tail @ query, k)
        chosen = np.isin(self._tail_numbers, allowed)
        return _best(self._tail_numbers[chosen], self._tail[chosen] @ query, k)


def _vectors_after(catalog: Catalog, number: int) -> tuple[Numbers, Vectors]:
    numbers, vectors = catalog.vectors_after(number, -1)
    return np.asarray(numbers, dtype=np.int64), vectors


def _probing(lists: int) -> faiss.SearchParameters:
    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = lists
    return parameters


def _selectors(deleted: Numbers, allowed: Numbers | None) -> list[faiss.IDSelector]:
    """Return the selector to search with as the last item; those before it are its parts."""
    selectors: list[faiss.IDSelector] = []
    if len(deleted):
        selectors.append(faiss.IDSelectorBatch(deleted))
        selectors.append(faiss.IDSelectorNot(selectors[-1]))
    if allowed is not None:
        without_gone = selectors[-1] if selectors else None
        selectors.append(faiss.IDSelectorBatch(allowed))
        if without_gone is not None:
            selectors.append(faiss.IDSelectorAnd(without_gone, selectors[-1]))
    return selectors


def _best(numbers: Numbers, scores: npt.NDArray[np.floating], k: int) -> ScoredIds:
    order = np.argsort(-scores, kind="stable")[:k]
    return [(int(numbers[i]), float(scores[i])) for i in order]


def _merged(first: ScoredIds, second: ScoredIds, k: int) -> ScoredIds:
    return sorted(first + second, key=lambda scored: -scored[1])[:k]
