"""Conversion of Arabic from visual order, left to right, to logical order.

A page has glyphs at positions, and a PDF file need not give their reading order. Programs write them in all orders:
mirrored or not, word by word, ligatures reversed. Only the visual order is certain. So a line is first sorted by
position, and then the Unicode bidirectional algorithm (UAX #9) is undone on it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["right", "left", "digit", "neutral"]

_PAIRS = ("()", "[]", "{}", "«»", "‹›")
_PAIR_OF = {bracket: pair for pair in _PAIRS for bracket in pair}
_BEFORE_CLOSING_SPACE = " .,;:!?،؛؟…"
_SEPARATORS = ".,:/٫٬،"
"""One of them between two digits belongs to the number (UAX #9, "common separator")."""
_WORD = re.compile(r"[ء-يٱ-ۓ]{3,}")
_ENOUGH = 5
"""Fewest words that prove the order."""


def bidi_class(text: str) -> Kind:
    """Return the direction of the first character of `text`."""
    match unicodedata.bidirectional(text[:1] or " "):
        case "R" | "AL" | "NSM":
            return "right"
        case "L":
            return "left"
        case "EN" | "AN":
            return "digit"
    return "neutral"


def in_reading_order(glyphs: Sequence[str], from_right: bool) -> str:
    """Return the text of a line of glyphs, given left to right; `from_right`: the paragraph is right-to-left."""
    if not from_right:
        return _left_to_right_text(glyphs)
    runs = list(_runs(glyphs))
    pieces = [glyphs[start:end] for start, end in reversed(runs)]
    return _with_brackets_corrected("".join(glyph for piece in pieces for glyph in piece))


def visual_to_logical(glyphs: Sequence[str]) -> str:
    """Return the text of a line of mirrored Arabic, whose glyphs from left to right are in reading order."""
    return _with_brackets_corrected("".join(glyphs))


def _runs(glyphs: Sequence[str]) -> Iterable[tuple[int, int]]:
    """Yield the runs that keep their order when a line is reversed: Latin phrases, numbers, single other glyphs."""
    kinds = [bidi_class(glyph) for glyph in glyphs]
    position = 0
    while position < len(glyphs):
        end = max(_end_of_left_run(glyphs, kinds, position), position + 1)
        yield position, end
        position = end


def _end_of_left_run(glyphs: Sequence[str], kinds: Sequence[Kind], start: int) -> int:
    """Return the end of the Latin phrase or number that begins at `start`; `start` if there is none."""
    end = _end_of_number(glyphs, kinds, start)
    if end < len(glyphs) and kinds[end] == "left":
        return _end_of_phrase(glyphs, kinds, end)
    return end


def _end_of_number(glyphs: Sequence[str], kinds: Sequence[Kind], start: int) -> int:
    end = start
    while end < len(glyphs) and (
        kinds[end] == "digit"
        or (
            glyphs[end] in _SEPARATORS and start < end < len(glyphs) - 1 and kinds[end - 1] == kinds[end + 1] == "digit"
        )
    ):
        end += 1
    # A percent sign follows its number, on whichever side a program draws it.
    has_percent = start < end < len(glyphs) and glyphs[end] in "%٪" and kinds[end + 1 : end + 2] != ["digit"]
    return end + has_percent


def _end_of_phrase(glyphs: Sequence[str], kinds: Sequence[Kind], start: int) -> int:
    """Return the end of a phrase, with neutral signs between Latin letters and at its end only a closing bracket."""
    end = start
    for position in range(start, len(kinds)):
        if kinds[position] in ("left", "digit"):
            end = position + 1
        elif kinds[position] == "right":
            break
    if start == 0 and glyphs[end : end + 1] == ["-"]:  # broken at its hyphen: continues on the next line
        return end + 1
    pair = _PAIR_OF.get(glyphs[end]) if end < len(glyphs) else None
    is_open = pair is not None and sum(glyph in pair for glyph in glyphs[start:end]) % 2 == 1
    return end + is_open


def _left_to_right_text(glyphs: Sequence[str]) -> str:
    """Return the text of a left-to-right line: only its Arabic phrases are reversed."""
    kinds = [bidi_class(glyph) for glyph in glyphs]
    text: list[str] = []
    position = 0
    while position < len(glyphs):
        if kinds[position] != "right":
            text.append(glyphs[position])
            position += 1
            continue
        end = position
        for later in range(position, len(glyphs)):
            if kinds[later] == "right":
                end = later + 1
            elif kinds[later] == "left":
                break
        text.append(in_reading_order(glyphs[position:end], from_right=True))
        position = end
    return "".join(text)


def _with_brackets_corrected(text: str) -> str:
    """Return `text` with opening and closing brackets corrected.

    Programs differ in whether they encode the brackets of right-to-left text by look or by meaning, so the
    neighbours decide: a bracket after a space and before a word opens.
    """
    characters = list(text)
    open_pairs: set[str] = set()
    for position, character in enumerate(characters):
        pair = _PAIR_OF.get(character)
        if pair is None:
            continue
        before = characters[position - 1] if position else " "
        after = characters[position + 1] if position + 1 < len(characters) else " "
        if _opens(before, after, pair in open_pairs):
            characters[position] = pair[0]
            open_pairs.add(pair)
        else:
            characters[position] = pair[1]
            open_pairs.discard(pair)
    return "".join(characters)


def _opens(before: str, after: str, is_open: bool) -> bool:
    starts, ends = before == " " or before in _PAIR_OF, after in _BEFORE_CLOSING_SPACE or after in _PAIR_OF
    return not is_open if starts == ends else starts


@dataclass(frozen=True)
class Order:
    """Number of Arabic words of a text that indicate reading order (`right`) and reversed order (`wrong`)."""

    right: int
    wrong: int

    @classmethod
    def of(cls, text: str) -> Order:
        """Count the words of `text`: teh marbuta and alef maksura only end words, and the article "ال" begins them."""
        right = wrong = 0
        for word in _WORD.findall(text):
            right += word[-1] in "ةى" or (word.startswith("ال") and not word.endswith("لا"))
            wrong += word[0] in "ةى" or (word.endswith("لا") and len(word) > 4 and not word.startswith("ال"))
        return cls(right, wrong)

    def __add__(self, other: Order) -> Order:
        return Order(self.right + other.right, self.wrong + other.wrong)

    @property
    def is_right(self) -> bool | None:
        """True if the text is in reading order; `None` where too few words indicate it."""
        if self.right + self.wrong < _ENOUGH:
            return None
        return self.right > 3 * self.wrong


def letters_by_direction(texts: Iterable[str]) -> tuple[int, int]:
    """Count the `texts` that run from right to left, and from left to right."""
    counts = Counter(map(bidi_class, texts))
    return counts["right"], counts["left"]
