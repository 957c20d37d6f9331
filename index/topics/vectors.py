"""Article vectors: the mean of the passage vectors of each article."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from index.storage.catalog import Catalog

Matrix = npt.NDArray[np.float32]
_AT_ONCE = 400
"""Articles whose passages are in memory at once."""


def article_vectors(catalog: Catalog, numbers: Collection[int]) -> tuple[list[int], Matrix]:
    """Return the articles of `numbers` with passages, and their unit vectors, shape (articles, dimension)."""
    wanted = sorted(numbers)
    found: list[int] = []
    means: list[npt.NDArray[np.float32]] = []
    for start in range(0, len(wanted), _AT_ONCE):
        for article, passages in _passages_of(catalog, wanted[start : start + _AT_ONCE]).items():
            mean = catalog.vectors(passages).mean(axis=0)
            found.append(article)
            means.append(mean / max(float(np.linalg.norm(mean)), 1e-9))
    return found, np.stack(means).astype(np.float32) if means else np.zeros((0, 1), dtype=np.float32)


def _passages_of(catalog: Catalog, articles: list[int]) -> dict[int, list[int]]:
    marks = ",".join("?" * len(articles))
    passages: dict[int, list[int]] = {}
    for article, number in catalog.rows(
        f"SELECT article, number FROM passages WHERE article IN ({marks}) ORDER BY article, number", *articles
    ):
        passages.setdefault(article, []).append(number)
    return passages
