"""Map layout: 2D projection of articles by t-SNE (van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 9,
2008), and clustering by k-means on the map, so that a subject is one region of it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from index.topics.vectors import Matrix

_SEED = 0
_FEWEST = 6
"""Fewest articles for a meaningful layout."""
_DIMENSIONS = 50
"""Dimensions that PCA reduces the vectors to before t-SNE, as its authors did."""
_PERPLEXITY = 30
_MOST_SUBJECTS = 14

Points = npt.NDArray[np.float32]


def project_2d(vectors: Matrix) -> Points:
    """Return points of shape (articles, 2) within [-1, 1]; deterministic."""
    count = len(vectors)
    if count < _FEWEST:
        angles = np.linspace(0, 2 * math.pi, count, endpoint=False)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32) * 0.5

    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    reduced = PCA(min(_DIMENSIONS, count, vectors.shape[1]), random_state=_SEED).fit_transform(vectors)
    perplexity = min(_PERPLEXITY, (count - 1) / 3)
    points = TSNE(perplexity=perplexity, init="pca", random_state=_SEED).fit_transform(reduced)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    spread = max(float(np.abs(points - middle).max()), 1e-9)
    placed: Points = ((points - middle) / spread).astype(np.float32)
    return placed


def cluster(points: Points) -> npt.NDArray[np.int32]:
    """Return the region of each point, counted from 0; fewer than `_FEWEST` points are one region."""
    count = len(points)
    if count < _FEWEST:
        return np.zeros(count, dtype=np.int32)

    from sklearn.cluster import KMeans

    k = min(_MOST_SUBJECTS, max(2, round(math.sqrt(count))))
    region: npt.NDArray[np.int32] = KMeans(k, n_init=10, random_state=_SEED).fit_predict(points).astype(np.int32)
    return region
