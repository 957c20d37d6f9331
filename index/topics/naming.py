"""What a subject is called: the words that stand in its articles and hardly in the others.

A word counts for a subject by how often its articles have it, times how rare it is among all articles: class-based
TF-IDF (Grootendorst, "BERTopic", arXiv:2203.05794, 2022), with the logarithm of an article's own count, so that one
article that repeats a word does not name its neighbours.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

from index.text.folding import fold_text
from index.text.words import query_tokens

BEGINNING = 4000
"""Code points of a text that are looked at."""
_SHORTEST, _LONGEST = 3, 24
_WORD = re.compile(r"[\w\u0640\u064b-\u0652\u0670]+")
_SIGNS = re.compile(r"[\u0640\u064b-\u0652\u0670]")
"""Vowel signs and the stretching of letters: they are left out of a name."""
_TITLE = 2
"""How often a word of the title counts as said."""

Words = Mapping[str, tuple[str, float]]
"""Normalised words of one article, each as it is written there, and how much it counts."""


def words_of(title: str, text: str) -> Words:
    """The words of an article that could name a subject."""
    counts: Counter[str] = Counter()
    ways: dict[str, Counter[str]] = defaultdict(Counter)
    for part, times in ((title, _TITLE), (text[:BEGINNING], 1)):
        for found in _WORD.findall(part):
            written = _SIGNS.sub("", found)
            normal = _normal(written)
            if normal and len(normal) >= _SHORTEST and len(written) <= _LONGEST and written.isalpha():
                counts[normal] += times
                ways[normal][written] += times
    return {normal: (_commonest(ways[normal]), math.log1p(count)) for normal, count in counts.items()}


def _commonest(ways: Mapping[str, int]) -> str:
    """The way that is written most; of equals the shortest, which has nothing written onto it."""
    return min(ways, key=lambda way: (-ways[way], len(way), fold_text(way)))


@lru_cache(maxsize=50_000)
def _normal(word: str) -> str | None:
    """The word as keyword search sees it; nothing, if it says nothing by itself."""
    return next(iter(query_tokens(word).values()), None)


def name_topics(subjects: Sequence[Sequence[Words]], most: int) -> list[tuple[str, ...]]:
    """For each subject, given as its articles, up to `most` words as they are written most often, the best first.

    A word names one subject alone, unless it is all that another one has.
    """
    articles = sum(map(len, subjects))
    frequency = Counter(word for subject in subjects for article in subject for word in article)
    scored = [_scores(subject, frequency, articles) for subject in subjects]
    best = {word: max(range(len(scored)), key=lambda one: scored[one].get(word, 0.0)) for word in frequency}
    return [
        tuple(
            _written(subject, word)
            for word in _first({w: s for w, s in scores.items() if best[w] == number} or scores, most)
        )
        for number, (subject, scores) in enumerate(zip(subjects, scored, strict=True))
    ]


def _scores(subject: Sequence[Words], frequency: Mapping[str, int], articles: int) -> dict[str, float]:
    weights: dict[str, float] = defaultdict(float)
    for article in subject:
        for word, (_, weight) in article.items():
            weights[word] += weight
    least = 2 if len(subject) > 3 else 1
    return {
        word: weight / len(subject) * math.log(1 + articles / frequency[word])
        for word, weight in weights.items()
        if sum(word in article for article in subject) >= least
    }


def _first(scores: Mapping[str, float], most: int) -> list[str]:
    return sorted(scores, key=lambda word: (-scores[word], word))[:most]


def _written(subject: Sequence[Words], word: str) -> str:
    """The way in which most articles write it; of ways that differ in diacritics or capitals alone, the commonest."""
    written = Counter(article[word][0] for article in subject if word in article)
    return _commonest(written)
