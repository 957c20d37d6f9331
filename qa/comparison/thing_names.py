"""Mentions of the things of a question in a text, so that no thing is given another's value.

What the things have in common ("bridge") does not tell them apart: a mention has all the other words of a name, close
together, in either script. Where a text has the full name of a person, the last word is a mention, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from index.articles import Span
from index.retrieval.cross_script_names import key
from index.text.folding import fold, fold_text
from index.text.language import detect_language, is_arabic_letter
from index.text.words import STOP_WORDS, normalize_tokens
from qa.text_words import TextWords

_WORD = re.compile(r"[^\W_]+")
_NO_NAME = STOP_WORDS | {"al", "el"}
_MAX_BETWEEN = 2
"""Most other words between two words of a mention, small words not counted."""
_PERSON = re.compile(r"[A-Z][\w'’-]+(?: [A-Z][\w'’-]*\.?){0,2} (?P<last>[A-Z][\w'’-]{2,})")


@dataclass(frozen=True)
class ThingName:
    """The name of a thing: the folded words that only it has, and those that it shares with the other things.

    `last` is the last word of a name that may be a person's, which can stand for it; empty for others.
    """

    text: str
    distinct: tuple[str, ...]
    shared: tuple[str, ...] = ()
    last: str = ""

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
        person = _PERSON.fullmatch(thing)
        last = fold_text(person["last"]) if person and not shared else ""
        # «سيبان» and «سيبان العليا»: the first has nothing of its own.
        named.append(ThingName(thing, distinct or names, shared if distinct else (), last))
    return named


def mentions(text: str, name: ThingName, others: Sequence[ThingName] = (), around: str = "") -> list[Span]:
    """Return where a text names a thing, without mentions that are part of another thing's longer name.

    `around` is the text's article: the last word of a name counts where the article has the full name.
    """
    longer = [
        span for other in others if len(other.distinct) > len(name.distinct) for span in _windows(text, other.distinct)
    ]
    whole = _windows(text, name.distinct, name.shared)
    found = [span for span in whole if not any(span.overlaps(other) for other in longer)]
    if name.last and around and not found and _windows(around, name.distinct):
        return _windows(text, (name.last,))
    return found


def has_words(text: str, words: Sequence[str]) -> bool:
    """Return whether a text has all the words, in any form."""
    found = TextWords(text)
    return all(found.has_name(word) for word in words)


def _words(thing: str) -> tuple[str, ...]:
    words = [word for word in _WORD.findall(fold_text(thing)) if word not in _NO_NAME]
    return tuple(dict.fromkeys(words))


def _windows(text: str, words: Sequence[str], beside: Sequence[str] = ()) -> list[Span]:
    """Return the stretches that begin and end with one of the words, and have all of them; with words `beside` them."""
    folded = fold(text)
    words = _comparable(words, text)
    tokens = list(_WORD.finditer(folded.text))
    matched = [frozenset(word for word in words if is_same_word(word, token.group())) for token in tokens]
    found: list[Span] = []
    for first, start in enumerate(tokens):
        end = _window_end(tokens, matched, first, frozenset(words)) if matched[first] else None
        if end is not None:
            before, after = tokens[first - 1 : first], tokens[end + 1 : end + 2]
            start = before[0] if before and _is_beside(folded.text, before[0], start, beside) else start
            last = after[0] if after and _is_beside(folded.text, tokens[end], after[0], beside) else tokens[end]
            span = folded.to_original(start.start(), last.end())
            if not any(span.overlaps(other) for other in found):
                found.append(span)
    return found


def _is_beside(text: str, one: re.Match[str], following: re.Match[str], words: Sequence[str]) -> bool:
    """Return whether one of two tokens, with only white space between them, is one of the words."""
    token = one.group() if one.start() < following.start() else following.group()
    joined = not text[one.end() : following.start()].strip()
    return joined and any(is_same_word(word, part) for word in words for part in (token, following.group()))


def _comparable(words: Sequence[str], text: str) -> Sequence[str]:
    """Return the words of a name that can be compared with a text: across scripts, those with enough consonants."""
    crossed = [word for word in words if is_arabic_letter(word[0]) != (detect_language(text) == "ar")]
    return [word for word in words if word not in crossed or key(word)] if len(crossed) == len(words) else words


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
    if len(token) == 2 and is_arabic_letter(token[0]) and not is_arabic_letter(word[0]):
        # Too short for names in a text, but not beside the rest of a name: تل, Tell.
        return key(token)[1:] == key(word)[1:] != ""
    return TextWords(token).has_name(word)
