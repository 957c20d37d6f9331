"""The FAISS file: a *base* with every passage up to a number, updated once enough passages have changed since.

Up to `FLAT_LIMIT` passages it is exact. Beyond, it is an inverted file (IVF; Jégou et al. 2011, "Product quantization
for nearest neighbor search") of 8-bit vectors: passages can be added and removed, it is memory-mapped, and a million
passages are 0.8 GB. All its data is derived: if lost or damaged, it is rebuilt from the catalogue.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from index.embeddings import Vectors
from index.runtime.cancellation import Check, never
from index.storage import private
from index.storage.catalog import Catalog
from index.storage.database import storage_errors
from index.storage.durable import put_in_place
from index.storage.lock import FILE

FLAT_LIMIT = 10_000
"""Passages; up to here exact search takes a few milliseconds."""
_TRAINING = 40
"""Training vectors for each list of the inverted file; FAISS advises 39 to 256."""
_CHUNK = 5_000
_BUFFER = 2**20
_META = "vectors"

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FaissFile:
    """Metadata of the file in the catalogue: name, last passage number, passage count, training size and checksum."""

    file: str
    last: int
    count: int
    trained_on: int
    checksum: int


def is_behind(catalog: Catalog) -> bool:
    """Return whether the base is missing, or enough passages were added or removed since to need `compact`."""
    base = stored_metadata(catalog)
    total = catalog.count_passages()
    added = int(catalog.rows("SELECT count(*) FROM passages WHERE number > ?", base.last if base else 0)[0][0])
    deleted = int(catalog.rows("SELECT count(*) FROM gone WHERE number <= ?", base.last if base else 0)[0][0])
    tolerated = max(1_000, total // 10)
    file_exists = base is not None and (catalog.folder / base.file).is_file()
    return not file_exists or added > tolerated or deleted > tolerated


def compact(catalog: Catalog, check: Check = never) -> None:
    """Update the base. Call it in a transaction, and after that, even if it failed, `drop_other_files`."""
    base, total = stored_metadata(catalog), catalog.count_passages()
    index, trained_on = _extended(catalog, base, total, check) or _build(catalog, total, check)
    _save(catalog, index, trained_on)


def is_damaged(catalog: Catalog) -> bool:
    """Return whether the base is missing or differs from its checksum."""
    base = stored_metadata(catalog)
    if base is None:
        return False
    path = catalog.folder / base.file
    with storage_errors(catalog.folder):
        return not path.is_file() or _checksum(path) != base.checksum


def _build(catalog: Catalog, total: int, check: Check) -> tuple[faiss.Index, int]:
    numbers, vectors = catalog.vectors_after(0, 1)
    dimension = vectors.shape[1] if numbers else 1
    index = _exact(dimension) if total <= FLAT_LIMIT else _inverted(catalog, dimension, total)
    _add(catalog, index, 0, check)
    return index, total


def _exact(dimension: int) -> faiss.Index:
    return faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))


def _inverted(catalog: Catalog, dimension: int, total: int) -> faiss.Index:
    # FAISS advises 4√n to 16√n lists; fewer where there are too few passages to train so many.
    lists = min(int(4 * total**0.5), total // _TRAINING)
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimension), dimension, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT, False
    )
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    index.train(_sample(catalog, _TRAINING * lists))
    return index


def _sample(catalog: Catalog, limit: int) -> Vectors:
    """Return vectors of passages spread evenly over the catalogue."""
    numbers = np.array(catalog.rows("SELECT number FROM passages ORDER BY number"), dtype=np.int64)[:, 0]
    chosen = numbers[np.unique(np.linspace(0, len(numbers) - 1, limit).astype(np.int64))]
    return catalog.vectors(chosen.tolist())


def _extended(catalog: Catalog, base: FaissFile | None, total: int, check: Check) -> tuple[faiss.Index, int] | None:
    """Return the inverted file of `base` with additions and removals applied; `None` where it must be rebuilt."""
    if base is None or not base.trained_on / 4 <= total <= base.trained_on * 4 or is_damaged(catalog):
        return None
    try:
        index = faiss.read_index(str(catalog.folder / base.file))
    except RuntimeError:  # raised for a file that FAISS cannot read
        return None
    if not is_ivf(index):
        return None
    deleted = deleted_ids(catalog)
    if len(deleted):
        index.remove_ids(faiss.IDSelectorBatch(deleted))
    _add(catalog, index, base.last, check)
    return index, base.trained_on


def _add(catalog: Catalog, index: faiss.Index, after: int, check: Check) -> None:
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    while True:
        check()
        numbers, vectors = catalog.vectors_after(after, _CHUNK)
        if not numbers:
            return
        index.add_with_ids(vectors, np.asarray(numbers, dtype=np.int64))
        after = numbers[-1]


def _save(catalog: Catalog, index: faiss.Index, trained_on: int) -> None:
    """Write a new file, then record it in the catalogue; the old one remains until `drop_other_files`."""
    last = int(catalog.rows("SELECT coalesce(max(number), 0) FROM passages")[0][0])
    path = catalog.folder / f"vectors-{catalog.generation}-{last}.faiss"
    partial = path.with_suffix(".partial")
    with storage_errors(catalog.folder):
        try:
            private.create(partial, like=catalog.folder / FILE)
            _write(index, partial)
            checksum = _checksum(partial)
            put_in_place(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    base = FaissFile(path.name, last, index.ntotal, trained_on, checksum)
    catalog.set_meta(_META, json.dumps(asdict(base)))
    catalog.execute("DELETE FROM gone WHERE number <= ?", last)


def drop_other_files(catalog: Catalog) -> None:
    """Delete the vector files not recorded in the catalogue: those of earlier states and of failed transactions."""
    base = stored_metadata(catalog)
    with storage_errors(catalog.folder):
        for path in catalog.folder.glob("vectors-*"):
            if base is None or path.name != base.file:
                path.unlink(missing_ok=True)


def forget(catalog: Catalog) -> None:
    """Delete the file's record, so that the next `compact` builds a new file from all passages."""
    catalog.execute("DELETE FROM meta WHERE key = ?", _META)


def _write(index: faiss.Index, path: Path) -> None:
    # Through a Python file: FAISS's own writer does not report a failure to write the end.
    with path.open("wb") as file:
        writer = faiss.PyCallbackIOWriter(file.write, _BUFFER)  # type: ignore[attr-defined]  # not in its stubs
        faiss.write_index(index, writer)


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(2**22):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def stored_metadata(catalog: Catalog) -> FaissFile | None:
    """Return the metadata of the file; `None` while there is none."""
    stored = catalog.meta(_META)
    return FaissFile(**json.loads(stored)) if stored else None


def load(catalog: Catalog) -> tuple[FaissFile | None, faiss.Index | None]:
    """Return the file, mapped into memory, or (None, None) where it is missing or damaged."""
    base = stored_metadata(catalog)
    if base is None or not (catalog.folder / base.file).is_file():
        return None, None
    try:
        # Mapped, not read: unused parts take no memory, and several processes share it.
        index = faiss.read_index(str(catalog.folder / base.file), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:  # raised for a file that FAISS cannot read
        return None, None
    return (base, index) if index.ntotal == base.count else (None, None)


def deleted_ids(catalog: Catalog) -> Numbers:
    """Return the numbers of deleted passages that may still be in the file."""
    return np.array([number for (number,) in catalog.rows("SELECT number FROM gone ORDER BY number")], dtype=np.int64)


def is_ivf(index: faiss.Index) -> bool:
    """Return whether the index is approximate, so that candidates must be rescored."""
    return isinstance(index, faiss.IndexIVF)
