"""Article vectors: the mean of the passage vectors of each article."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from index.storage.catalog import Catalog

Matrix = npt.NDArray[np.float32]
_CHUNK = 400
"""Articles whose passages are in memory at once."""


def article_vectors(catalog: Catalog, numbers: Collection[int]) -> tuple[list[int], Matrix]:
    """Return the articles of `numbers` with passages, and their unit vectors, shape (articles, dimension)."""
    sorted_numbers = sorted(numbers)
    articles: list[int] = []
    means: list[npt.NDArray[np.float32]] = []
    for start in range(0, len(sorted_numbers), _CHUNK):
        for article, passages in _passages_of(catalog, sorted_numbers[start : start + _CHUNK]).items():
            mean = catalog.vectors(passages).mean(axis=0)
            articles.append(article)
            means.append(mean / max(float(np.linalg.norm(mean)), 1e-9))
    return articles, np.stack(means).astype(np.float32) if means else np.zeros((0, 1), dtype=np.float32)


def _passages_of(catalog: Catalog, articles: list[int]) -> dict[int, list[int]]:
    placeholders = ",".join("?" * len(articles))
    passages: dict[int, list[int]] = {}
    for article, number in catalog.rows(
        f"SELECT article, number FROM passages WHERE article IN ({placeholders}) ORDER BY article, number", *articles
    ):
        passages.setdefault(article, []).append(number)
    return passages
