"""Fusion: the passages nearest in meaning and those that share the question's words, in one order.

A passage's place is decided by its cosine plus a share of its keyword score (a convex combination, which beats
reciprocal rank fusion here as in Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval",
ACM TOIS 2023). Ranks forget how well the keywords fit: asked in another language than the articles, the best
keyword match is a chance one, and reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009) trusts it as
much as any. `index/retrieval/bm25.py` scores in shares of the whole query, so chance matches weigh next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

LEXICAL_WEIGHT = 0.35
"""What a keyword score of 1 is worth in cosine; chosen on half of the questions (`benchmarks/retrieval.py`)."""
_RANKS = 60
"""The constant of reciprocal rank fusion, as in the paper."""


def fuse(
    dense: Sequence[tuple[int, float]],
    lexical: Sequence[tuple[int, float]],
    k: int,
    weight: float = LEXICAL_WEIGHT,
) -> list[tuple[int, float]]:
    """(passage number, fused score) of the best `k`, best first; equal ones by number.

    `dense` has cosines, `lexical` the scores of `lexical.search`, both in any order. A passage whose cosine is not
    given counts as the farthest of `dense`: it is no nearer than that. The fused score says which comes first and
    nothing else; how near a passage is in meaning is still its cosine, which declining was calibrated on.
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
    """Reciprocal rank fusion of two lists, best first each: kept to be measured against."""
    scores: dict[int, float] = {}
    for ranked, trust in ((dense, 1.0), (lexical, weight)):
        for rank, (number, _) in enumerate(ranked, start=1):
            scores[number] = scores.get(number, 0.0) + trust / (_RANKS + rank)
    return sorted(scores.items(), key=_best_first)[:k]


def _best_first(scored: tuple[int, float]) -> tuple[float, int]:
    return -scored[1], scored[0]
