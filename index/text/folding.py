"""Arabic-aware folding: normalise text so that spelling variants of a word are the same string.

    fold("الإِدارةُ ٣").text  ==  fold("الاداره 3").text

Folding keeps offsets into the original, so that matches in folded text can be quoted from the article unchanged.
Removed: tashkeel and other combining marks, tatweel, zero-width and bidi controls. Unified: case, compatibility and
presentation forms (ﻻ → لا), أ إ آ ٱ ا, ى ي ئ ی, ة ه, ؤ و, ک ك, and the digits of every script (٣ → 3).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from index.articles import Span

_TATWEEL = "\u0640"
_ARABIC_MARKS = frozenset(map(chr, (*range(0x0610, 0x061B), *range(0x064B, 0x0660), 0x0670, *range(0x06D6, 0x06EE))))
_COMPOSING = frozenset("\u0653\u0654\u0655")
"""Combining madda and hamza, as in NFD text: they form another letter."""
_LETTERS = str.maketrans({"ٱ": "ا", "ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك", "ە": "ه"})


@dataclass(frozen=True)
class Folded:
    """Folded text; `offsets[i]` is the position in the original of the code point that gave `text[i]`."""

    text: str
    offsets: tuple[int, ...]
    original_length: int

    def to_original(self, start: int, end: int) -> Span:
        """Return the span of the original that folded to `text[start:end]`, including its marks."""
        after = self.offsets[end] if end < len(self.offsets) else self.original_length
        return Span(self.offsets[start], after)


@lru_cache(maxsize=8192)
def fold_character(character: str) -> str:
    """Fold one code point: usually to one character, none for a mark, several for a ligature."""
    folded = []
    # NFKD decomposes أ إ آ ؤ ئ into their carrier and a combining hamza or madda, which is then dropped.
    for part in unicodedata.normalize("NFKD", character):
        category = unicodedata.category(part)
        if category in ("Mn", "Cf") or part == _TATWEEL:
            continue
        if category == "Nd":
            folded.append(str(unicodedata.digit(part)))
        else:
            folded.append(part.translate(_LETTERS).casefold())
    return "".join(folded)


def fold(text: str) -> Folded:
    """Fold `text`, keeping the original position of every folded character."""
    characters: list[str] = []
    offsets: list[int] = []
    for position, character in enumerate(text):
        for folded in fold_character(character):
            characters.append(folded)
            offsets.append(position)
    return Folded("".join(characters), tuple(offsets), len(text))


def fold_text(text: str) -> str:
    """Return `fold(text).text`, without computing offsets."""
    return "".join(map(fold_character, text))


def to_plain_form(text: str) -> Folded:
    """Return the text as usually typed: no tashkeel, tatweel, controls or presentation forms, Western digits.

    Unlike `fold` it changes no letters: this is for reading, not for comparing.
    """
    characters: list[str] = []
    offsets: list[int] = []
    for position, character in enumerate(text):
        if character in _COMPOSING and characters:
            characters[-1] = unicodedata.normalize("NFC", characters[-1] + character)[0]
            continue
        for part in _plain_character(character):
            characters.append(part)
            offsets.append(position)
    return Folded("".join(characters), tuple(offsets), len(text))


@lru_cache(maxsize=8192)
def _plain_character(character: str) -> str:
    # NFKC gives some presentation forms of marks as a space with the mark on it.
    composed = unicodedata.normalize("NFKC", character)
    remaining = [c for c in composed if not (c in _ARABIC_MARKS or c == _TATWEEL or unicodedata.category(c) == "Cf")]
    if len(remaining) < len(composed) and not any(map(str.strip, remaining)):
        return ""
    return "".join(str(unicodedata.digit(c)) if unicodedata.category(c) == "Nd" else c for c in remaining)
