"""Story similarity of two articles: copies share wording, retellings share statements, perhaps across languages.

A copy (a reprint, a shortened one, a long quotation) shares wording: most of the shingles of one are in the other
(Broder's containment, `index/dedup/minhash.py`). A retelling shares statements: many sentences of the two articles are
mutual nearest neighbours (as in mining of parallel sentences: Artetxe and Schwenk, "Margin-based Parallel Corpus
Mining", ACL 2019) with a high cosine. Neither distinguishes two reports from one template, which share words and
statements but differ in their facts; these are distinguished by the numbers in sentences that are paired or share
wording. `benchmarks/stories.py` measures both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date  # noqa: N812  (`date` is a field)
from typing import Literal

import numpy as np
import numpy.typing as npt

from index.articles import Language
from index.dedup.minhash import Shingles, containment, shingles
from index.embeddings import Vectors
from index.text.folding import fold_text

Kind = Literal["copy", "retelling"]

_FEWEST_NUMBERS = 2
"""Fewest numbers for a decision: a single one may have been corrected or updated."""
_FEWEST_SHINGLES = 10
_FEWEST_PAIRS = 2
"""Fewest sentence pairs of a retelling: a single one is a stock phrase or a fact."""
_SAME_LANGUAGE = (0.70, 0.80)
_CROSS_LANGUAGE_COSINES = (0.60, 0.75)
"""Cosines from which a pair of sentences counts, and counts fully; translations are less near than paraphrases."""
MAX_COMPARED_SENTENCES = 500
"""Sentences of an article that are paired: enough of a book, and it bounds the cost of a comparison."""
_FEWEST_SHARED = 2
"""Fewest shingles of a sentence in the other article for its numbers to be expected there too."""
_MAX_SENTENCE_LENGTH = 300
"""Code points of a sentence that count: a list should not weigh as much as ten sentences."""
_DAYS_APART = 30
"""Most days between retellings with known dates; later ones are another story about the same subject."""

_NUMBER = re.compile(r"\d+(?:[.:]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SIGNS = str.maketrans({"٫": ".", "٬": ","})


@dataclass(frozen=True)
class StoryView:
    """An article as input of `compare`: `lengths` and `numbers` of the n sentences, `vectors` unit rows (n, d).

    `wording[i]` is a shingle of the sentence `wording_of[i]`, for sentences with numbers. `date` is set only where it
    is certain.
    """

    language: Language
    date: str | None
    shingles: Shingles
    lengths: npt.NDArray[np.float32]
    numbers: tuple[frozenset[str], ...]
    vectors: Vectors
    wording: Shingles
    wording_of: npt.NDArray[np.intp]


@dataclass(frozen=True)
class StoryMatch:
    """A match with `score`, 0 to 1: the share of the shorter article (wording or statements) that is in the other."""

    kind: Kind
    score: float


@dataclass(frozen=True)
class Ratio:
    """A ratio: `met` of `compared`."""

    met: int = 0
    compared: int = 0

    def is_below(self, share: float) -> bool:
        """Return whether the ratio is below `share`, given enough comparisons for a decision."""
        return self.compared >= _FEWEST_NUMBERS and self.met < share * self.compared


@dataclass(frozen=True)
class Measures:
    """Measurements that `decide` uses.

    `paired_numbers` counts the numbers in paired sentences that are in the other article too; `worded_numbers` those in
    sentences that share wording, for each of the two articles.
    """

    shared_shingles: int
    containment: float
    retold: float
    pairs: int
    paired_numbers: Ratio
    worded_numbers: tuple[Ratio, Ratio]
    fewest_sentences: int
    apart_in_time: bool


@dataclass(frozen=True)
class Thresholds:
    """Least shares: of shingles for a copy, of length for a retelling, and of agreeing numbers for both."""

    containment: float = 0.15
    retold: float = 0.1
    agreement: float = 0.6


THRESHOLDS = Thresholds()
"""Calibrated by `benchmarks/stories.py`."""


def make_view(language: Language, date: str | None, sentences: Sequence[str], vectors: Vectors) -> StoryView:
    """Make the story view of an article from its sentences in order and their unit vectors, shape (n, d)."""
    all_shingles = shingles("\n".join(sentences))
    sentences = sentences[:MAX_COMPARED_SENTENCES]
    sentence_numbers = tuple(map(numbers, sentences))
    shingles_by_sentence = [
        shingles(sentence) if has_numbers else shingles("")
        for sentence, has_numbers in zip(sentences, sentence_numbers, strict=True)
    ]
    return StoryView(
        language=language,
        date=date,
        shingles=all_shingles,
        lengths=np.array([min(len(sentence), _MAX_SENTENCE_LENGTH) for sentence in sentences], np.float32),
        numbers=sentence_numbers,
        vectors=vectors[:MAX_COMPARED_SENTENCES],
        wording=np.concatenate(shingles_by_sentence) if shingles_by_sentence else shingles(""),
        wording_of=np.repeat(np.arange(len(shingles_by_sentence)), [len(hashes) for hashes in shingles_by_sentence]),
    )


def numbers(text: str) -> frozenset[str]:
    """Return the numbers written in digits, of any script: "٢٬٥٠٠" and "2,500" are "2500"."""
    return frozenset(_NUMBER.findall(_THOUSANDS.sub("", fold_text(text.translate(_SIGNS)))))


def compare(a: StoryView, b: StoryView) -> StoryMatch | None:
    """Return the match of two articles, or `None` if they tell different stories. Symmetric."""
    return decide(measures(a, b), THRESHOLDS)


def decide(measured: Measures, thresholds: Thresholds) -> StoryMatch | None:
    """Decide from the measures of two articles."""
    # A shortened copy lacks numbers of the full article, but not the reverse.
    a_differs, b_differs = (counted.is_below(thresholds.agreement) for counted in measured.worded_numbers)
    if measured.paired_numbers.is_below(thresholds.agreement) or (a_differs and b_differs):
        return None
    if measured.shared_shingles >= _FEWEST_SHINGLES and measured.containment >= thresholds.containment:
        return StoryMatch("copy", round(measured.containment, 4))
    enough = measured.pairs >= max(1, min(_FEWEST_PAIRS, measured.fewest_sentences))
    if enough and measured.retold >= thresholds.retold and not measured.apart_in_time:
        return StoryMatch("retelling", round(measured.retold, 4))
    return None


def measures(a: StoryView, b: StoryView) -> Measures:
    """Measure two articles against each other."""
    shared = containment(a.shingles, b.shingles)
    common = round(shared * min(len(a.shingles), len(b.shingles)))
    low, high = _SAME_LANGUAGE if a.language == b.language else _CROSS_LANGUAGE_COSINES
    rows, columns, cosines = _paired(a.vectors, b.vectors, low)
    weights = np.clip((cosines - low) / (high - low), 0, 1)
    retold_lengths = np.minimum(a.lengths[rows], b.lengths[columns]) * weights
    shorter_length = float(min(a.lengths.sum(), b.lengths.sum()))
    all_a, all_b = frozenset().union(*a.numbers), frozenset().union(*b.numbers)
    return Measures(
        shared_shingles=common,
        containment=shared,
        retold=float(retold_lengths.sum()) / shorter_length if shorter_length else 0.0,
        pairs=int((weights >= 0.5).sum()),
        paired_numbers=_count_paired(
            [(a.numbers[i], b.numbers[j]) for i, j in zip(rows.tolist(), columns.tolist(), strict=True)], all_a, all_b
        ),
        worded_numbers=(_count_worded(a, b, all_b), _count_worded(b, a, all_a)) if common else (Ratio(), Ratio()),
        fewest_sentences=min(len(a.lengths), len(b.lengths)),
        apart_in_time=_are_apart(a.date, b.date),
    )


def _paired(a: Vectors, b: Vectors, min_cosine: float) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Vectors]:
    """Return rows of `a` and `b` that are mutual nearest neighbours of at least `min_cosine`, and their cosines."""
    if not len(a) or not len(b):
        none = np.zeros(0, np.intp)
        return none, none, np.zeros(0, np.float32)
    cosines = a @ b.T
    partners = cosines.argmax(axis=1)
    rows = np.arange(len(a))
    best = cosines[rows, partners]
    is_mutual = (cosines.argmax(axis=0)[partners] == rows) & (best >= min_cosine)
    return rows[is_mutual], partners[is_mutual], best[is_mutual]


def _count_paired(
    pairs: Sequence[tuple[frozenset[str], frozenset[str]]], all_a: frozenset[str], all_b: frozenset[str]
) -> Ratio:
    """Count the numbers of each pair's sentence with fewer of them, and how many of these the other article has."""
    compared = met = 0
    for numbers_a, numbers_b in pairs:
        expected = min(len(numbers_a), len(numbers_b))
        compared += expected
        # With equal counts, take the better one: a retelling may move a number to another sentence.
        met += max(
            len(numbers_a & all_b) if len(numbers_a) == expected else 0,
            len(numbers_b & all_a) if len(numbers_b) == expected else 0,
        )
    return Ratio(met, compared)


def _count_worded(a: StoryView, b: StoryView, all_b: frozenset[str]) -> Ratio:
    """Count the numbers in sentences of `a` whose wording is in `b`, and how many of these `b` has."""
    is_shared = np.isin(a.wording, b.shingles)
    shared = np.bincount(a.wording_of[is_shared], minlength=len(a.numbers))
    sharing = [a.numbers[sentence] for sentence in np.flatnonzero(shared >= _FEWEST_SHARED).tolist()]
    return Ratio(sum(len(sentence_numbers & all_b) for sentence_numbers in sharing), sum(map(len, sharing)))


def _are_apart(a: str | None, b: str | None) -> bool:
    return bool(a and b) and abs((Date.fromisoformat(a or "") - Date.fromisoformat(b or "")).days) > _DAYS_APART
