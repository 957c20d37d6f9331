"""Where a text names one of several things of a question, so that no thing is given another's value.

What the things have in common ("bridge") does not tell them apart: a mention has all the other words of a name, close
together, in either script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from index.articles import Span
from index.text.folding import fold, fold_text
from index.text.words import STOP_WORDS, normalize_tokens
from qa.text_words import TextWords

_WORD = re.compile(r"[^\W_]+")
_NO_NAME = STOP_WORDS | {"al", "el"}
_MAX_BETWEEN = 2
"""Most other words between two words of a mention, small words not counted."""


@dataclass(frozen=True)
class ThingName:
    """The name of a thing: the folded words that only it has, and those that it shares with the other things."""

    text: str
    distinct: tuple[str, ...]
    shared: tuple[str, ...]

    @property
    def is_year(self) -> bool:
        """Whether the thing is a year."""
        return bool(re.fullmatch(r"[12]\d{3}", fold_text(self.text)))


def thing_names(things: Sequence[str]) -> list[ThingName]:
    """Return the names of the things of one question."""
    words = [_words(thing) for thing in things]
    stems = [frozenset(map(_stem, names)) for names in words]
    common = frozenset.intersection(*stems) if stems else frozenset()
    named = []
    for thing, names in zip(things, words, strict=True):
        distinct = tuple(word for word in names if _stem(word) not in common)
        shared = tuple(word for word in names if _stem(word) in common)
        # «سيبان» and «سيبان العليا»: the first has nothing of its own.
        named.append(ThingName(thing, distinct or names, shared if distinct else ()))
    return named


def mentions(text: str, name: ThingName, others: Sequence[ThingName] = ()) -> list[Span]:
    """Return where a text names a thing, without mentions that are part of another thing's longer name."""
    longer = [
        span for other in others if len(other.distinct) > len(name.distinct) for span in _windows(text, other.distinct)
    ]
    return [span for span in _windows(text, name.distinct) if not any(span.overlaps(other) for other in longer)]


def has_words(text: str, words: Sequence[str]) -> bool:
    """Return whether a text has all the words, in any form."""
    found = TextWords(text)
    return all(found.has_name(word) for word in words)


def _words(thing: str) -> tuple[str, ...]:
    words = [word for word in _WORD.findall(fold_text(thing)) if word not in _NO_NAME]
    return tuple(dict.fromkeys(words))


def _windows(text: str, words: Sequence[str]) -> list[Span]:
    """Return the stretches that begin and end with one of the words, and have all of them."""
    folded = fold(text)
    tokens = [match for match in _WORD.finditer(folded.text)]
    matched = [frozenset(word for word in words if is_same_word(word, token.group())) for token in tokens]
    found: list[Span] = []
    for first, start in enumerate(tokens):
        end = _window_end(tokens, matched, first, frozenset(words)) if matched[first] else None
        if end is not None:
            span = folded.to_original(start.start(), tokens[end].end())
            if not any(span.overlaps(other) for other in found):
                found.append(span)
    return found


def _window_end(
    tokens: Sequence[re.Match[str]], matched: Sequence[frozenset[str]], first: int, words: frozenset[str]
) -> int | None:
    missing, between = words - matched[first], 0
    at = first
    while missing:
        at += 1
        if at >= len(tokens) or between > _MAX_BETWEEN:
            return None
        if matched[at] & missing:
            missing -= matched[at]
            between = 0
        elif tokens[at].group() not in _NO_NAME:
            between += 1
    return at


def _stem(word: str) -> str:
    return next(iter(normalize_tokens(word)), word)


@lru_cache(maxsize=1 << 15)
def is_same_word(word: str, token: str) -> bool:
    """Return whether a token is a form of a word, or the same name in the other script."""
    if word.isdigit() or token.isdigit():
        return word == token
    return TextWords(token).has_name(word)
