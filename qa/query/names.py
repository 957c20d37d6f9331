"""Names in a question: the people, places, teams and things that it is about.

In English a name has capitals. Arabic has none, and many English questions are typed without: there a `NameTagger`
tells, where there is one (`qa/query/name_tagger.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from index.articles import Span
from index.dates.parser import MONTHS
from index.text.folding import fold_text
from index.text.language import is_arabic_letter
from index.text.words import STOP_WORDS

_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u064b-\u0652\u0670\u0640])*(?:['’-][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s$")
_BETWEEN = re.compile(r"\s+(?:(?:of|the|al|el|de|von|van|bin|ibn|abu)\s+)*|-")
"""Separator of two words of one name."""
_DAYS = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})
_FORMS_OF_ADDRESS = frozenset({"mr", "mrs", "ms", "dr", "sir"})
_NEVER = STOP_WORDS | frozenset(name for names in MONTHS for name in names) | _DAYS | _FORMS_OF_ADDRESS


class NameTagger(Protocol):
    """Tells which words of a text are of names."""

    def tag(self, text: str, words: Sequence[Span]) -> Sequence[bool]:
        """Return for each word whether it is of a name."""


class CapitalTagger:
    """Takes every word with a capital for a name, but for the first; in Arabic none."""

    def tag(self, text: str, words: Sequence[Span]) -> Sequence[bool]:
        return [any(map(str.isupper, text[word.start : word.end])) and word.start > 0 for word in words]


def find_names(question: str, tagger: NameTagger) -> tuple[str, ...]:
    """Return the names of a question in its order, words of one name together, as they are written."""
    spans = list(_name_spans(question, tagger))
    return tuple(dict.fromkeys(question[span.start : span.end] for span in spans))


def _name_spans(question: str, tagger: NameTagger) -> Iterator[Span]:
    words = [Span(*match.span()) for match in _WORD.finditer(question)]
    current: Span | None = None
    for word, is_name in zip(words, _tags(question, words, tagger), strict=True):
        if not is_name:
            continue
        text = question[word.start : word.end]
        end = word.end - len(match[0]) if (match := _POSSESSIVE.search(text)) else word.end
        if current and _BETWEEN.fullmatch(question[current.end : word.start]):
            current = Span(current.start, end)
            continue
        if current:
            yield current
        current = Span(word.start, end)
    if current:
        yield current


def _tags(question: str, words: Sequence[Span], tagger: NameTagger) -> Iterator[bool]:
    has_capitals = any(any(map(str.isupper, question[word.start : word.end])) for word in words[1:])
    tagged = tagger.tag(question, words)
    for at, (word, is_name) in enumerate(zip(words, tagged, strict=True)):
        text = question[word.start : word.end]
        if fold_text(text) in _NEVER or not any(map(str.isalpha, text)):
            yield False
        elif not is_arabic_letter(text[0]) and has_capitals:
            # The capital of al-Attar is its second.
            yield at > 0 and any(map(str.isupper, text))
        else:
            yield is_name
