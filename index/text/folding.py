"""Arabic-aware folding: the form in which two spellings of one word are the same string.

    fold("الإِدارةُ ٣").text  ==  fold("الاداره 3").text

Folding keeps a map back to the original, so that what is found in folded text can be cut out of the article
as it stands there. Folded away: compatibility and presentation forms (ﻻ → لا), tashkeel and other combining
marks, tatweel, zero-width and bidi controls, case. Folded together: أ إ آ ٱ ا, ى ي ئ ی, ة ه, ؤ و, ک ك, and the
digits of every script (٣ → 3).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from index.articles import Span

_TATWEEL = "\u0640"
_LETTERS = str.maketrans({"ٱ": "ا", "ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك", "ە": "ه"})


@dataclass(frozen=True)
class Folded:
    """Folded text; `offsets[i]` is the code point of the original that gave `text[i]`."""

    text: str
    offsets: tuple[int, ...]
    original_length: int

    def to_original(self, start: int, end: int) -> Span:
        """The stretch of the original that folded to `text[start:end]`, with the marks that belong to it."""
        after = self.offsets[end] if end < len(self.offsets) else self.original_length
        return Span(self.offsets[start], after)


@lru_cache(maxsize=8192)
def fold_character(character: str) -> str:
    """What one code point folds to: usually one character, none for a mark, several for a ligature."""
    folded = []
    # NFKD takes أ إ آ ؤ ئ apart into their carrier and a combining hamza or madda, which then falls away.
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
    """Fold `text`, keeping for every folded character where it came from."""
    characters: list[str] = []
    offsets: list[int] = []
    for position, character in enumerate(text):
        for folded in fold_character(character):
            characters.append(folded)
            offsets.append(position)
    return Folded("".join(characters), tuple(offsets), len(text))


def fold_text(text: str) -> str:
    """`fold(text).text`, for those who need no offsets."""
    return "".join(map(fold_character, text))
