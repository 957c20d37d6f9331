"""The vectors of all passages in FAISS: the inner product of unit vectors, which is the cosine.

The file is a *base*: it holds every passage up to a number. What came later is searched exactly beside it, what has
gone since is passed over, so that a change of a few articles writes no vector at all. Once that is no longer few, the
base is brought up to date (`compact`). All in it is derived: lost or damaged, it is made again from the catalogue.

A small base is exact. From `EXACT_UP_TO` passages on it is an inverted file (IVF; Jégou et al. 2011, "Product
quantization for nearest neighbor search") of 8-bit vectors, whose best candidates are scored anew with the catalogue's
own: `docs/measured.md` has its recall, speed and memory.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from index.embed import Vectors
from index.storage.catalog import Catalog
from index.storage.database import storage_errors

EXACT_UP_TO = 10_000
"""Passages; up to here exact search takes a few milliseconds."""
FEW_ALLOWED = 2_000
"""Where a filter leaves no more passages than this, they are compared one by one."""
PROBES = 48
"""Lists of the inverted file that are looked into: the knob between recall and time."""
_CANDIDATES = 4
"""Candidates for each passage wanted that are scored anew."""
_TRAINING = 40
"""Vectors for each list that the inverted file is trained with; FAISS advises 39 to 256."""
_CHUNK = 20_000
_META = "vectors"

Numbers = npt.NDArray[np.int64]
Scored = list[tuple[int, float]]


@dataclass(frozen=True)
class _Base:
    """What the catalogue remembers of the file: its name, the last passage in it, how many, and its checksum."""

    file: str
    last: int
    count: int
    trained_on: int
    checksum: int


class VectorIndex:
    """Passage numbers by nearness to a query vector. Never changed: `refreshed` gives the next one."""

    def __init__(
        self, base: _Base | None, index: faiss.Index | None, tail: tuple[Numbers, Vectors], gone: Numbers
    ) -> None:
        self._base = base
        self._index = index
        self._tail_numbers, self._tail = tail
        self._gone = gone

    @classmethod
    def of(cls, catalog: Catalog) -> VectorIndex:
        """The vectors of `catalog` as it is now; a base that is missing or damaged is done without."""
        base, index = _load(catalog)
        return cls(base, index, _vectors_after(catalog, base.last if base else 0), _gone(catalog))

    def refreshed(self, catalog: Catalog) -> VectorIndex:
        """The vectors after a change of `catalog`: only what is new is read."""
        if _remembered(catalog) != self._base:
            return VectorIndex.of(catalog)
        seen = int(self._tail_numbers[-1]) if len(self._tail_numbers) else self._base.last if self._base else 0
        numbers, vectors = _vectors_after(catalog, seen)
        gone = _gone(catalog)
        kept = ~np.isin(self._tail_numbers, gone)
        tail = (
            np.concatenate([self._tail_numbers[kept], numbers]),
            np.concatenate([self._tail[kept], vectors]) if len(self._tail) and len(vectors) else
            vectors if len(vectors) else self._tail[kept],
        )  # fmt: skip
        return VectorIndex(self._base, self._index, tail, gone)

    def nearest(self, query: Vectors, k: int, catalog: Catalog, allowed: Collection[int] | None = None) -> Scored:
        """(passage number, cosine) of the `k` nearest to `query` (shape (dimension,)), best first.

        `allowed` names the passages that may be found; `catalog` must be of the same state as this index.
        """
        if allowed is not None and len(allowed) <= FEW_ALLOWED:
            numbers = np.fromiter(allowed, dtype=np.int64, count=len(allowed))
            return _best(numbers, catalog.vectors(numbers.tolist()) @ query if len(numbers) else np.zeros(0), k)
        wanted = np.sort(np.fromiter(allowed, dtype=np.int64, count=len(allowed))) if allowed is not None else None
        return _merged(self._from_base(query, k, catalog, wanted), self._from_tail(query, k, wanted), k)

    def _from_base(self, query: Vectors, k: int, catalog: Catalog, allowed: Numbers | None) -> Scored:
        if self._index is None or not self._index.ntotal:
            return []
        exact = not _is_inverted(self._index)
        # A filter thins the lists out: more of them are looked into.
        probes = PROBES if allowed is None else 4 * PROBES
        parameters = faiss.SearchParameters() if exact else _probing(probes)
        # Kept in a name: FAISS does not keep the selector's parts alive by itself.
        selectors = _selectors(self._gone, allowed)
        if selectors:
            parameters.sel = selectors[-1]
        # A thread for each question: they are asked side by side already.
        faiss.omp_set_num_threads(1)
        most = min(k if exact else max(_CANDIDATES * k, 20), self._index.ntotal)
        scores, numbers = self._index.search(query[np.newaxis], most, params=parameters)
        found = numbers[0] >= 0
        if exact:
            return _best(numbers[0][found], scores[0][found], k)
        near = numbers[0][found]
        return _best(near, catalog.vectors(near.tolist()) @ query if len(near) else np.zeros(0), k)

    def _from_tail(self, query: Vectors, k: int, allowed: Numbers | None) -> Scored:
        if not len(self._tail):
            return []
        if allowed is None:
            return _best(self._tail_numbers, self._tail @ query, k)
        chosen = np.isin(self._tail_numbers, allowed)
        return _best(self._tail_numbers[chosen], self._tail[chosen] @ query, k)


def compact(catalog: Catalog, always: bool = False) -> None:
    """Bring the base up to date, if enough has come or gone since; the catalogue must be open for writing."""
    base = _remembered(catalog)
    total = catalog.count_passages()
    new = int(catalog.rows("SELECT count(*) FROM passages WHERE number > ?", base.last if base else 0)[0][0])
    gone = int(catalog.rows("SELECT count(*) FROM gone WHERE number <= ?", base.last if base else 0)[0][0])
    few = max(1_000, total // 10)
    whole = base is not None and (catalog.folder / base.file).is_file()
    if whole and not always and new <= few and gone <= few:
        return
    index, trained_on = _extended(catalog, base, total) or _made(catalog, total)
    _save(catalog, index, trained_on)


def is_damaged(catalog: Catalog) -> bool:
    """Whether the base is missing or not as it was written."""
    base = _remembered(catalog)
    if base is None:
        return False
    path = catalog.folder / base.file
    with storage_errors(catalog.folder):
        return not path.is_file() or _checksum(path) != base.checksum


def _made(catalog: Catalog, total: int) -> tuple[faiss.Index, int]:
    numbers, vectors = catalog.vectors_after(0, 1)
    dimension = vectors.shape[1] if numbers else 1
    index = _exact(dimension) if total <= EXACT_UP_TO else _inverted(catalog, dimension, total)
    _add(catalog, index, 0)
    return index, total


def _exact(dimension: int) -> faiss.Index:
    return faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))


def _inverted(catalog: Catalog, dimension: int, total: int) -> faiss.Index:
    lists = int(4 * total**0.5)
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension), dimension, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT, False
    )
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    index.train(_sample(catalog, _TRAINING * lists))
    return index


def _sample(catalog: Catalog, most: int) -> Vectors:
    """Vectors of passages spread evenly over the catalogue."""
    numbers = np.array(catalog.rows("SELECT number FROM passages ORDER BY number"), dtype=np.int64)[:, 0]
    chosen = numbers[np.unique(np.linspace(0, len(numbers) - 1, most).astype(np.int64))]
    return catalog.vectors(chosen.tolist())


def _extended(catalog: Catalog, base: _Base | None, total: int) -> tuple[faiss.Index, int] | None:
    """The inverted file of `base` with what came and without what went; `None` where it must be made from nothing."""
    if base is None or not base.trained_on / 4 <= total <= base.trained_on * 4 or is_damaged(catalog):
        return None
    index = faiss.read_index(str(catalog.folder / base.file))
    if not _is_inverted(index):
        return None
    gone = _gone(catalog)
    if len(gone):
        index.remove_ids(faiss.IDSelectorBatch(gone))
    _add(catalog, index, base.last)
    return index, base.trained_on


def _add(catalog: Catalog, index: faiss.Index, after: int) -> None:
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    while True:
        numbers, vectors = catalog.vectors_after(after, _CHUNK)
        if not numbers:
            return
        index.add_with_ids(vectors, np.asarray(numbers, dtype=np.int64))
        after = numbers[-1]


def _save(catalog: Catalog, index: faiss.Index, trained_on: int) -> None:
    """Write a new file, then let the catalogue name it, then drop the old one: at no moment is there none."""
    last = int(catalog.rows("SELECT coalesce(max(number), 0) FROM passages")[0][0])
    path = catalog.folder / f"vectors-{catalog.generation}-{last}.faiss"
    partial = path.with_suffix(".partial")
    with storage_errors(catalog.folder):
        try:
            _write(index, partial)
            checksum = _checksum(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    base = _Base(path.name, last, index.ntotal, trained_on, checksum)
    with catalog.transaction():
        catalog.set_meta(_META, json.dumps(asdict(base)))
        catalog.execute("DELETE FROM gone WHERE number <= ?", last)
    with storage_errors(catalog.folder):
        for old in catalog.folder.glob("vectors-*"):
            if old != path:
                old.unlink(missing_ok=True)


def _write(index: faiss.Index, path: Path) -> None:
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:  # FAISS's word for whatever went wrong; only the disk can
        raise OSError(28, str(error)) from error


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(2**22):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def _remembered(catalog: Catalog) -> _Base | None:
    known = catalog.meta(_META)
    return _Base(**json.loads(known)) if known else None


def _load(catalog: Catalog) -> tuple[_Base | None, faiss.Index | None]:
    base = _remembered(catalog)
    if base is None or not (catalog.folder / base.file).is_file():
        return None, None
    try:
        # Mapped, not read: what is not asked for takes no memory, and several processes share it.
        index = faiss.read_index(str(catalog.folder / base.file), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:  # FAISS's word for a file that it cannot read
        return None, None
    return (base, index) if index.ntotal == base.count else (None, None)


def _gone(catalog: Catalog) -> Numbers:
    return np.array([number for (number,) in catalog.rows("SELECT number FROM gone ORDER BY number")], dtype=np.int64)


def _vectors_after(catalog: Catalog, number: int) -> tuple[Numbers, Vectors]:
    numbers, vectors = catalog.vectors_after(number, -1)
    return np.asarray(numbers, dtype=np.int64), vectors


def _probing(lists: int) -> faiss.SearchParameters:
    parameters = faiss.SearchParametersIVF()
    parameters.nprobe = lists
    return parameters


def _is_inverted(index: faiss.Index) -> bool:
    return isinstance(index, faiss.IndexIVF)


def _selectors(gone: Numbers, allowed: Numbers | None) -> list[faiss.IDSelector]:
    """The selector to search with comes last; those before it are its parts."""
    selectors: list[faiss.IDSelector] = []
    if len(gone):
        selectors.append(faiss.IDSelectorBatch(gone))
        selectors.append(faiss.IDSelectorNot(selectors[-1]))
    if allowed is not None:
        without_gone = selectors[-1] if selectors else None
        selectors.append(faiss.IDSelectorBatch(allowed))
        if without_gone is not None:
            selectors.append(faiss.IDSelectorAnd(without_gone, selectors[-1]))
    return selectors


def _best(numbers: Numbers, scores: npt.NDArray[np.floating], k: int) -> Scored:
    order = np.argsort(-scores, kind="stable")[:k]
    return [(int(numbers[i]), float(scores[i])) for i in order]


def _merged(first: Scored, second: Scored, k: int) -> Scored:
    return sorted(first + second, key=lambda found: -found[1])[:k]
