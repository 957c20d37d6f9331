"""Topic naming: the words that are frequent in the articles of a subject and rare in others.

The score of a word is its frequency in the subject's articles times its rarity among all articles: class-based
TF-IDF (Grootendorst, "BERTopic", arXiv:2203.05794, 2022), with the logarithm of each article's own count, so that one
article that repeats a word does not name the subject.
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
"""Code points of a text that are used."""
_MIN_LENGTH, _MAX_LENGTH = 3, 24
_WORD = re.compile(r"[\w\u0640\u064b-\u0652\u0670]+")
_SIGNS = re.compile(r"[\u0640\u064b-\u0652\u0670]")
"""Tashkeel and tatweel, which are left out of a name."""
_TITLE = 2
"""Weight of a word in the title."""

Words = Mapping[str, tuple[str, float]]
"""Normalised words of one article, each with its spelling there and its weight."""


def words_of(title: str, text: str) -> Words:
    """Return the words of an article that could name a subject."""
    counts: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for part, weight in ((title, _TITLE), (text[:BEGINNING], 1)):
        for token in _WORD.findall(part):
            spelling = _SIGNS.sub("", token)
            normal = _normal(spelling)
            if normal and len(normal) >= _MIN_LENGTH and len(spelling) <= _MAX_LENGTH and spelling.isalpha():
                counts[normal] += weight
                spellings[normal][spelling] += weight
    return {normal: (_most_common_spelling(spellings[normal]), math.log1p(count)) for normal, count in counts.items()}


def _most_common_spelling(spellings: Mapping[str, int]) -> str:
    """Return the most frequent spelling; in a tie the shortest, which has no clitics."""
    return min(spellings, key=lambda candidate: (-spellings[candidate], len(candidate), fold_text(candidate)))


@lru_cache(maxsize=50_000)
def _normal(word: str) -> str | None:
    """Return the word normalised as for keyword search; `None` for a stop word."""
    return next(iter(query_tokens(word).values()), None)


def name_topics(subjects: Sequence[Sequence[Words]], limit: int) -> list[tuple[str, ...]]:
    """Return up to `limit` words for each subject, given as its articles: in their most frequent spelling, best first.

    A word names one subject only, except for a subject that would have no other word.
    """
    articles = sum(map(len, subjects))
    frequency = Counter(word for subject in subjects for article in subject for word in article)
    scored = [_scores(subject, frequency, articles) for subject in subjects]
    best = {word: max(range(len(scored)), key=lambda position: scored[position].get(word, 0.0)) for word in frequency}
    return [
        tuple(
            _common_spelling(subject, word)
            for word in _best_words({w: s for w, s in scores.items() if best[w] == number} or scores, limit)
        )
        for number, (subject, scores) in enumerate(zip(subjects, scored, strict=True))
    ]


def _scores(subject: Sequence[Words], frequency: Mapping[str, int], articles: int) -> dict[str, float]:
    weights: dict[str, float] = defaultdict(float)
    for article in subject:
        for word, (_, weight) in article.items():
            weights[word] += weight
    min_articles = 2 if len(subject) > 3 else 1
    return {
        word: weight / len(subject) * math.log(1 + articles / frequency[word])
        for word, weight in weights.items()
        if sum(word in article for article in subject) >= min_articles
    }


def _best_words(scores: Mapping[str, float], limit: int) -> list[str]:
    return sorted(scores, key=lambda word: (-scores[word], word))[:limit]


def _common_spelling(subject: Sequence[Words], word: str) -> str:
    """Return the most frequent spelling of `word` among the articles of the subject."""
    spellings = Counter(article[word][0] for article in subject if word in article)
    return _most_common_spelling(spellings)
