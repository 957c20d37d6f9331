"""MinHash: find texts that share much of their wording, without comparing all pairs.

A text is the set of its shingles, runs of three folded words. A signature is the smallest value of that set under each
of many hash functions: two signatures agree in a position as often as the sets share elements (Broder, "On the
resemblance and containment of documents", 1997). Bands of a few positions each are looked up together
(locality-sensitive hashing; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3).
"""

from __future__ import annotations

import hashlib
import re
import zlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from index.text.folding import fold_text

Shingles = npt.NDArray[np.uint64]
"""Hashes of the shingles of a text, ascending, each once."""
Signature = npt.NDArray[np.uint32]

BANDS = 64
ROWS = 2
"""Texts of resemblance s share a band with probability 1 - (1 - s²)⁶⁴: 0.93 at 0.2, 0.47 at 0.1, 0.0064 at 0.01. Tuned
for low s: an article half of which is quoted in another of its length has a resemblance of only a quarter."""
_WORDS = 3
_CHUNK = 4096
"""Shingles hashed at a time: 4 MiB, for a text of any length."""
_WORD = re.compile(r"\w+")


def shingles(text: str) -> Shingles:
    """Return the shingles of `text`. A text shorter than a shingle is its only one; a text without words has none."""
    words = _WORD.findall(fold_text(text))
    hashes = np.fromiter((zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words), np.uint64, len(words))
    if not len(hashes):
        return hashes
    runs = np.lib.stride_tricks.sliding_window_view(hashes, min(_WORDS, len(hashes)))
    mixed = np.zeros(len(runs), np.uint64)
    for column in runs.T:
        mixed = _mix((mixed << np.uint64(7)) ^ (mixed >> np.uint64(3)) ^ column)
    return np.unique(mixed)


def signature(text_shingles: Shingles) -> Signature:
    """Return the signature, shape (BANDS * ROWS,); without shingles, one that matches only itself."""
    if not len(text_shingles):
        return np.full(BANDS * ROWS, np.iinfo(np.uint32).max, np.uint32)
    factors, terms = _functions()
    # Multiply-shift hashing (Dietzfelbinger and others, 1997): the high half of a·x + b modulo 2⁶⁴.
    parts = [
        (text_shingles[start : start + _CHUNK, np.newaxis] * factors + terms).min(axis=0)
        for start in range(0, len(text_shingles), _CHUNK)
    ]
    smallest: Signature = (np.min(parts, axis=0) >> np.uint64(32)).astype(np.uint32)
    return smallest


def bands(text_signature: Signature) -> list[int]:
    """Return one number a band, below 2⁶³; texts with one in common are candidates."""
    rows = np.ascontiguousarray(text_signature, dtype="<u4").reshape(BANDS, ROWS)
    return [_number(band, row.tobytes()) for band, row in enumerate(rows)]


def containment(a: Shingles, b: Shingles) -> float:
    """Return the share of the smaller set of shingles that is in the other: 0 to 1."""
    fewer = min(len(a), len(b))
    return len(np.intersect1d(a, b, assume_unique=True)) / fewer if fewer else 0.0


def _number(band: int, row: bytes) -> int:
    digest = hashlib.blake2b(row, digest_size=8, salt=band.to_bytes(2, "big")).digest()
    return int.from_bytes(digest, "big") >> 1


def _mix(values: Shingles) -> Shingles:
    """Spread every bit over all (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@lru_cache(maxsize=1)
def _functions() -> tuple[Shingles, Shingles]:
    # Stored bands must mean the same with every version of numpy: no random number generator.
    constants = _mix(np.arange(1, 2 * BANDS * ROWS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return constants[: BANDS * ROWS] | np.uint64(1), constants[BANDS * ROWS :]
