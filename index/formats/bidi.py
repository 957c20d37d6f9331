"""Arabic as it stands on a page, from left to right, to the order in which it is read.

A page shows glyphs at places, and a PDF file need not say in which order they are read. Programs write them in all
orders: mirrored or not, word by word, ligatures turned around. What is seen is certain, though. So a line is first put
in the order of its places, and then the Unicode bidirectional algorithm (UAX #9) is undone on it.
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
"""Words that tell the order: fewer of them prove nothing."""


def bidi_class(text: str) -> Kind:
    """How the first character of `text` runs."""
    match unicodedata.bidirectional(text[:1] or " "):
        case "R" | "AL" | "NSM":
            return "right"
        case "L":
            return "left"
        case "EN" | "AN":
            return "digit"
    return "neutral"


def in_reading_order(seen: Sequence[str], from_right: bool) -> str:
    """The text of a line of glyphs, given from left to right; `from_right`: it stands in a right-to-left paragraph."""
    if not from_right:
        return _from_left(seen)
    runs = list(_runs(seen))
    pieces = [seen[start:end] for start, end in reversed(runs)]
    return _with_brackets_turned("".join(glyph for piece in pieces for glyph in piece))


def visual_to_logical(seen: Sequence[str]) -> str:
    """The text of a line of a page that shows Arabic mirrored: its glyphs from left to right are in reading order."""
    return _with_brackets_turned("".join(seen))


def _runs(seen: Sequence[str]) -> Iterable[tuple[int, int]]:
    """What keeps its order where the line is turned around: Latin phrases, numbers, every other glyph by itself."""
    kinds = [bidi_class(glyph) for glyph in seen]
    position = 0
    while position < len(seen):
        end = max(_end_of_left_run(seen, kinds, position), position + 1)
        yield position, end
        position = end


def _end_of_left_run(seen: Sequence[str], kinds: Sequence[Kind], start: int) -> int:
    """Where a Latin phrase or a number that begins at `start` ends; `start` if none does."""
    end = _end_of_number(seen, kinds, start)
    if end < len(seen) and kinds[end] == "left":
        return _end_of_phrase(seen, kinds, end)
    return end


def _end_of_number(seen: Sequence[str], kinds: Sequence[Kind], start: int) -> int:
    end = start
    while end < len(seen) and (
        kinds[end] == "digit"
        or (seen[end] in _SEPARATORS and start < end < len(seen) - 1 and kinds[end - 1] == kinds[end + 1] == "digit")
    ):
        end += 1
    # A percent sign comes after its number, whichever side of it a program shows it on.
    has_percent = start < end < len(seen) and seen[end] in "%٪" and kinds[end + 1 : end + 2] != ["digit"]
    return end + has_percent


def _end_of_phrase(seen: Sequence[str], kinds: Sequence[Kind], start: int) -> int:
    """Neutral signs between Latin letters belong to the phrase; at its end, only a closing bracket."""
    end = start
    for position in range(start, len(kinds)):
        if kinds[position] in ("left", "digit"):
            end = position + 1
        elif kinds[position] == "right":
            break
    if start == 0 and seen[end : end + 1] == ["-"]:  # broken at its hyphen: it goes on in the next line
        return end + 1
    pair = _PAIR_OF.get(seen[end]) if end < len(seen) else None
    is_open = pair is not None and sum(glyph in pair for glyph in seen[start:end]) % 2 == 1
    return end + is_open


def _from_left(seen: Sequence[str]) -> str:
    """A left-to-right line: only its Arabic phrases are turned around."""
    kinds = [bidi_class(glyph) for glyph in seen]
    text: list[str] = []
    position = 0
    while position < len(seen):
        if kinds[position] != "right":
            text.append(seen[position])
            position += 1
            continue
        end = position
        for later in range(position, len(seen)):
            if kinds[later] == "right":
                end = later + 1
            elif kinds[later] == "left":
                break
        text.append(in_reading_order(seen[position:end], from_right=True))
        position = end
    return "".join(text)


def _with_brackets_turned(text: str) -> str:
    """Brackets as they are meant.

    Whether a program names the brackets of right-to-left text by their look or by their meaning differs, so their
    neighbours decide: what stands after a space and before a word opens.
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
    """How many Arabic words of a text speak for and against its being in the order of reading."""

    right: int
    wrong: int

    @classmethod
    def of(cls, text: str) -> Order:
        """Teh marbuta and alef maksura only end words, and the article "ال" begins them."""
        right = wrong = 0
        for word in _WORD.findall(text):
            right += word[-1] in "ةى" or (word.startswith("ال") and not word.endswith("لا"))
            wrong += word[0] in "ةى" or (word.endswith("لا") and len(word) > 4 and not word.startswith("ال"))
        return cls(right, wrong)

    def __add__(self, other: Order) -> Order:
        return Order(self.right + other.right, self.wrong + other.wrong)

    @property
    def is_right(self) -> bool | None:
        """`None` where too few words tell it."""
        if self.right + self.wrong < _ENOUGH:
            return None
        return self.right > 3 * self.wrong


def letters_by_direction(texts: Iterable[str]) -> tuple[int, int]:
    """How many of `texts` run from right to left, and how many from left to right."""
    counts = Counter(map(bidi_class, texts))
    return counts["right"], counts["left"]
