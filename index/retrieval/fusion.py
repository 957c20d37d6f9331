"""Fusion of dense and keyword results into one ranking.

The fused score is the cosine plus a share of the keyword score (a convex combination, which beats reciprocal rank
fusion here as in Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 2023). Ranks
lose how well the keywords match: for a question in another language than the articles, the best keyword match is a
chance one, and reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009) weights it like any other.
`index/retrieval/bm25.py` scores in shares of the whole query, so chance matches weigh next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

LEXICAL_WEIGHT = 0.35
"""Cosine that a keyword score of 1 adds; chosen on half of the questions (`benchmarks/retrieval.py`)."""
_RRF_CONSTANT = 60
"""The constant of reciprocal rank fusion, as in the paper."""


def fuse(
    dense: Sequence[tuple[int, float]],
    lexical: Sequence[tuple[int, float]],
    k: int,
    weight: float = LEXICAL_WEIGHT,
) -> list[tuple[int, float]]:
    """Return (passage number, fused score) of the best `k`, best first; ties by number.

    `dense` has cosines, `lexical` the scores of `bm25.keyword_search`, both in any order. A passage without a cosine
    gets the lowest of `dense`, its upper bound. The fused score is only for ranking; the reported similarity is the
    cosine, on which abstention is calibrated.
    """
    farthest = min((cosine for _, cosine in dense), default=0.0)
    scores = dict(dense)
    for number, score in lexical:
        scores[number] = scores.get(number, farthest) + weight * score
    return sorted(scores.items(), key=_best_first)[:k]


def fuse_by_rank(
    dense: Sequence[tuple[int, float]],
    lexical: Sequence[tuple[int, float]],
    k: int,
    weight: float = 1.0,
) -> list[tuple[int, float]]:
    """Reciprocal rank fusion of two lists, each best first: a baseline for benchmarks."""
    scores: dict[int, float] = {}
    for ranked, list_weight in ((dense, 1.0), (lexical, weight)):
        for rank, (number, _) in enumerate(ranked, start=1):
            scores[number] = scores.get(number, 0.0) + list_weight / (_RRF_CONSTANT + rank)
    return sorted(scores.items(), key=_best_first)[:k]


def _best_first(scored: tuple[int, float]) -> tuple[float, int]:
    return -scored[1], scored[0]
