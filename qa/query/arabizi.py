"""Arabizi detection and transliteration: Arabic in Latin letters and digits ("kam 3adad el jnood fil 3iraq?").

Latin letters are ambiguous (which ت, which vowel), so a word is looked up in the collection's vocabulary: words with
the same consonants are scored by the cost of each letter and by their frequency. Function words are in `arabizi.toml`.
Words without a match are transliterated letter by letter. Detection prefers English in doubt: an English question
answered in Arabic is worse than a declined one in Arabizi.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Protocol

from rapidfuzz import process
from rapidfuzz.distance import LCSseq

from index.retrieval.cross_script_names import key, phonetic_form
from index.text.folding import fold_text, to_plain_form
from index.text.words import STOP_WORDS

MAX_WORD_LENGTH = 500
"""Maximum characters of a question that is checked. Questions in Arabizi are not longer than that."""
_MAX_WORD_LENGTH = 24
_MIN_POINTS = 3
"""Minimum points of an Arabizi question: 2 for a sure word, 1 for an unsure one, less 2 for an English one."""
_MAX_SKELETONS = 48
"""Maximum consonant skeletons with which a word is looked up."""
_MAX_SCORED = 60
"""Maximum words with a matching skeleton that are scored letter by letter."""
_MAX_COUNTED = 8
"""Maximum scored words whose passages are counted."""
_MAX_COST_PER_LETTER = 0.3
"""Maximum cost of a word per typed letter."""
_FREQUENCY_DISCOUNT = 0.03
"""Cost reduction for every e-fold of the passages that contain a word."""

_COMMON_WORD_PASSAGES = 100
"""Number of passages assumed to contain a common word."""

_TYPED_WORD = re.compile(r"(?:[A-Za-z$]|[0-9]['’]?)+")
_VOWELS = "aeiou"
_DIGITS = re.compile(r"[235-9]")
_MEASURE = re.compile(
    r"\d+(?:st|nd|rd|th|[a-z]|[ckm]?m|kg|am|pm|ft|in|bn|[kmgt]b|[kmg]?hz|hrs?|mins?|secs?|yrs?|way|eleven)"
)
_ASSIMILATED = re.compile(r"[aei](sh|ch|[tdrszn])")
_MARKS = str.maketrans("?,;", "؟،؛")


class Vocabulary(Protocol):
    """The collection's words (`index/retrieval/vocabulary.py`). All are folded."""

    def alike(self, key: str) -> Sequence[str]:
        """Return the words with this key of `index.retrieval.cross_script_names.key`."""

    def passages(self, word: str) -> int:
        """Return the number of passages that contain a word; counting may stop somewhere above a hundred."""

    def spelt(self, word: str) -> str | None:
        """Return the word in the articles' spelling."""


@dataclass(frozen=True)
class _Tables:
    """Tables of `arabizi.toml`: Latin to Arabic. `letters` has the candidates for each run of Latin letters with their
    cost, and `common` the words common in questions, by skeleton."""

    sure: dict[str, str]
    unsure: dict[str, str]
    english: dict[str, str]
    onto: dict[str, str]
    letters: dict[str, dict[str, float]]
    common: dict[str, tuple[str, ...]]


def is_arabizi(question: str) -> bool:
    """Return whether a question is Arabic in Latin letters."""
    if len(question) > MAX_WORD_LENGTH or any(c.isalpha() and not c.isascii() for c in question):
        return False
    typed = _TYPED_WORD.findall(question)
    points = [_word_points(word, following) for word, following in pairwise([*typed, ""])]
    if max(points, default=0) < 2:
        return False
    # One sure word is enough if the question begins with it, and no word is English.
    starts_sure = (
        len(typed) > 1 and _plain(typed[0]) in _tables().sure and min(points) >= 0 and question.rstrip()[-1] == "?"
    )
    return sum(points) + (starts_sure and points[0] == 2) >= _MIN_POINTS


def transliterate(question: str, vocabulary: Vocabulary) -> str | None:
    """Transliterate an Arabizi question, in words of the collection where they fit; `None` for any other question."""
    if not is_arabizi(question):
        return None
    text, end, attached = "", 0, False
    typed = list(_TYPED_WORD.finditer(question))
    for at, match in enumerate(typed):
        following = typed[at + 1].group() if at + 1 < len(typed) else ""
        arabic = _transliterate_word(match.group(), following, vocabulary)
        between = "" if attached else question[end : match.start()]
        if attached and text.endswith("ل") and arabic.startswith("ال") and not text.endswith("ال"):
            arabic = arabic.removeprefix("ا")
        text, end, attached = text + between + arabic.removesuffix("+"), match.end(), arabic.endswith("+")
    return " ".join((text + question[end:]).translate(_MARKS).split())


def _word_points(typed: str, following: str) -> int:
    """Return a word's points for the question being Arabizi."""
    tables, word = _tables(), _plain(typed)
    if word in tables.sure:
        # Ayn Rand is a name.
        return 0 if typed[0].isupper() and following[:1].isupper() else 2
    if word in STOP_WORDS and len(word) > 1:
        return -1 if word in tables.unsure else -2
    return 1 if word in tables.unsure else _digits_for_letters(typed)


def _digits_for_letters(typed: str) -> int:
    """Return 2 if digits stand for letters, as in 3iraq; 1 if it may be a number after a word, as in ma3; else 0."""
    word = _plain(typed)
    letters = re.sub(r"[^a-z]", "", word)
    if (
        len(letters) < 2
        or typed[1:] != typed[1:].lower()
        or not _DIGITS.search(word)
        or re.search(r"[014]|\d\d", word.replace("'", ""))
        or _MEASURE.fullmatch(word)
        or not (set(letters) & set(_VOWELS) or len(letters) > 2)
    ):
        return 0
    return 2 if re.search(r"\d'?[a-z]", word) else 1


def _transliterate_word(typed: str, following: str, vocabulary: Vocabulary) -> str:
    """Transliterate a word of an Arabizi question; a trailing + means that it is attached to the next one."""
    tables, word = _tables(), _plain(typed)
    if word.isdigit() or (len(typed) > 1 and typed.isupper()):
        return typed
    for table in (tables.sure, tables.unsure, tables.english):
        if word in table:
            return table[word]
    article = _ASSIMILATED.fullmatch(word)
    if article and _plain(following).startswith(article.group(1)):
        return "ال+"
    if len(word) > _MAX_WORD_LENGTH:
        return typed
    if match := _look_up(word, vocabulary):
        return match
    # A word or name of English articles.
    return typed if re.search(r"\d\d", word) or vocabulary.passages(word) else _transliterate_letters(word)


def _look_up(word: str, vocabulary: Vocabulary) -> str | None:
    """Return the likeliest word: one of the collection's, or a common one."""
    best: tuple[float, str, str] | None = None
    for prefix, rest, prefix_cost in _segmentations(word):
        for cost, candidate in _best_matches(rest, vocabulary):
            is_common = candidate in _common()
            passages = _COMMON_WORD_PASSAGES if is_common else vocabulary.passages(candidate)
            total = cost + prefix_cost - _FREQUENCY_DISCOUNT * math.log1p(passages)
            if passages and (best is None or total < best[0]):
                best = total, prefix, candidate
    if best is None:
        return None
    _, prefix, candidate = best
    return prefix + (_common().get(candidate) or vocabulary.spelt(candidate) or candidate)


def _segmentations(word: str) -> Iterator[tuple[str, str, float]]:
    """Yield the segmentations of a word: the attached prefix, in Arabic; the rest; and the cost."""
    yield "", word, 0.0
    article = _ASSIMILATED.match(word)
    if article and word.startswith(article.group(1), article.end()):
        yield "ال", word[article.end() :], 0.1
    for latin, arabic in _tables().onto.items():
        rest = word.removeprefix(latin)
        if rest != word and len(rest) > 2:
            yield arabic, rest, 0.1 if len(latin) > 1 else 0.4


def _best_matches(word: str, vocabulary: Vocabulary) -> list[tuple[float, str]]:
    """Return (cost, word) of the best matching words of the collection, the cheapest first."""
    keys = dict.fromkeys(filter(None, map(key, _skeletons(word))))
    candidates = {candidate for skeleton_key in keys for candidate in vocabulary.alike(skeleton_key)}
    candidates |= {
        word for skeleton in _skeletons(word) for word in _tables().common.get(_consonant_classes(skeleton), ())
    }
    similar = process.extract(
        _transliterate_letters(word), sorted(candidates), scorer=LCSseq.normalized_distance, limit=_MAX_SCORED
    )
    costs = sorted((_cost(word, candidate), candidate) for candidate, _, _ in similar)
    return [(cost, candidate) for cost, candidate in costs[:_MAX_COUNTED] if cost <= _MAX_COST_PER_LETTER * len(word)]


def _skeletons(word: str) -> Iterator[str]:
    """Yield the possible consonant skeletons of a word in Arabic letters, the likeliest first."""
    letters = _tables().letters

    @cache
    def skeletons_from(at: int) -> tuple[str, ...]:
        if at == len(word):
            return ("",)
        skeletons: dict[str, None] = {}
        for length in (2, 1):
            options = letters.get(word[at : at + length], {}) if len(word) - at >= length else {}
            # Letters of one class have the same key.
            for letter in {_class(arabic): arabic for arabic in reversed(options)}.values():
                skeletons |= dict.fromkeys(letter + rest for rest in skeletons_from(at + length))
        last = at == len(word) - 1
        if word[at] in f"{_VOWELS}'" or (last and word[at] in "ht"):
            skeletons |= dict.fromkeys(skeletons_from(at + 1))
        return tuple(skeletons)[:_MAX_SKELETONS]

    initial = "ا" if word[0] in f"{_VOWELS}wy23" else ""
    for skeleton in skeletons_from(0):
        yield initial + skeleton
    for skeleton in skeletons_from(0)[: _MAX_SKELETONS // 4]:
        yield ("" if initial else "ا") + skeleton


def _consonant_classes(arabic: str) -> str:
    """Return the consonant classes of a folded Arabic word; those of a key, but one is enough."""
    return re.sub(r"(.)\1+", r"\1", _class(re.sub(r"(?<=.)ه$", "", arabic)))


def _class(arabic: str) -> str:
    return re.sub("[AIU]", "", phonetic_form(arabic))


_VOWEL_COSTS: dict[str, dict[str, float]] = {
    "a": {"ا": 0.1, "": 0.1, "ه": 0.6, "ي": 0.7, "ع": 0.6},
    "e": {"": 0.1, "ي": 0.2, "ا": 0.5, "ه": 0.7},
    "i": {"ي": 0.1, "": 0.1, "ا": 0.6},
    "o": {"و": 0.1, "": 0.1, "ا": 0.7},
    "u": {"و": 0.1, "": 0.1, "ا": 0.7},
    "aa": {"ا": 0.0, "": 0.5, "ع": 0.4},
    "ee": {"ي": 0.0, "": 0.6},
    "ii": {"ي": 0.0, "": 0.6},
    "oo": {"و": 0.0, "": 0.6},
    "uu": {"و": 0.0, "": 0.6},
    "ou": {"و": 0.0, "": 0.4},
    "ei": {"ي": 0.0},
    "ai": {"ي": 0.0},
    "au": {"و": 0.0},
}
_INITIAL_VOWEL_COSTS = {vowel: {"ا": 0.0, "اي": 0.1, "او": 0.1, "": 0.8} for vowel in _VOWELS}
_FINAL_COSTS = {
    "a": {"ه": 0.0, "ا": 0.05, "ي": 0.15, "اء": 0.1},
    "e": {"ه": 0.1, "ي": 0.2},
    "i": {"ي": 0.0},
    "ah": {"ه": 0.0, "ا": 0.3},
    "eh": {"ه": 0.0},
    "at": {"ه": 0.2},
    "et": {"ه": 0.2},
    "it": {"ه": 0.2},
    "aa": {"ا": 0.0, "اء": 0.0, "ي": 0.2},
}
_UNTYPED_COSTS = {"ا": 0.5, "و": 0.7, "ي": 0.7, "ء": 0.2, "ع": 1.0, "ه": 0.9}
"""Cost of a letter for which nothing was typed; any other costs `_MISSING_COST`."""
_MISSING_COST = 1.5


def _cost(typed: str, arabic: str) -> float:
    """Return the cost of matching typed text with a folded Arabic word: 0 if each letter is written the usual way."""
    letters = _tables().letters

    @cache
    def cost_from(i: int, j: int) -> float:
        if i == len(typed):
            return sum(_UNTYPED_COSTS.get(letter, _MISSING_COST) for letter in arabic[j:])
        best = _UNTYPED_COSTS.get(arabic[j], _MISSING_COST) + cost_from(i, j + 1) if j < len(arabic) else math.inf
        for length in (2, 1):
            latin = typed[i : i + length]
            if len(latin) < length:
                continue
            after = i + length
            options = {**letters.get(latin, {}), **_VOWEL_COSTS.get(latin, {})}
            if i == 0:
                options |= _INITIAL_VOWEL_COSTS.get(latin, {})
            if after == len(typed):
                options |= {"": _MISSING_COST} if latin[0] in _VOWELS else {}
                options |= _FINAL_COSTS.get(latin, {})
            for letter, cost in options.items():
                if arabic.startswith(letter, j):
                    best = min(best, cost + cost_from(after, j + len(letter)))
        # A doubled letter counts as one; an apostrophe may have no letter.
        dropped = 0.05 if i and typed[i] == typed[i - 1] else 0.0 if typed[i] == "'" else _MISSING_COST
        return min(best, dropped + cost_from(i + 1, j))

    return cost_from(0, 0)


def _transliterate_letters(word: str) -> str:
    """Transliterate a word letter by letter, each with its likeliest meaning."""
    tables, arabic, at = _tables(), "", 0
    while at < len(word):
        for length in (2, 1):
            latin = word[at : at + length]
            options = tables.letters.get(latin) or _VOWEL_COSTS.get(latin) or {}
            if options:
                break
        letter = next(iter(options), "")
        if len(latin) == 1 and latin in _VOWELS:
            # A short vowel inside a word is hardly ever written.
            letter = "ا" if at == 0 else letter if at + 1 == len(word) else ""
        if at == 0 or word[at] != word[at - 1] or word[at] in _VOWELS:
            arabic += letter
        at += len(latin)
    return arabic


def _plain(typed: str) -> str:
    return typed.replace("’", "'").lower()


@cache
def _tables() -> _Tables:
    table = dict(_toml())
    letters = {
        latin: {letter: 0.25 * rank for rank, letter in enumerate(arabic.split())}
        for latin, arabic in table["letters"].items()
    }
    common: dict[str, list[str]] = {}
    for word in _common():
        common.setdefault(_consonant_classes(word), []).append(word)
    table["common"] = {skeleton: tuple(words) for skeleton, words in common.items()}
    return _Tables(**{**table, "letters": letters})


@cache
def _common() -> dict[str, str]:
    """Words common in questions: folded form → written form."""
    return {fold_text(word): to_plain_form(word).text for word in _toml()["common"].split()}


@cache
def _toml() -> dict[str, Any]:
    return tomllib.loads(files("qa.query").joinpath("arabizi.toml").read_text(encoding="utf-8"))
