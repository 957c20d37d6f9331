"""Lines of a PDF page, with text and position.

PDFium returns characters with positions, in the order in which they were written into the file. That order is used
for the sequence of lines (which separates columns) and for left-to-right text; a line with Arabic is ordered by
position (`bidi.py`).
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from index.formats.bidi import Order, bidi_class, in_reading_order, letters_by_direction, visual_to_logical

_LINE_BREAKS = "\r\n"
_HYPHENS = "\x02\ufffe"
"""PDFium's codes for a hyphen at the end of a line."""
_FORMS = (range(0xFB00, 0xFB07), range(0xFB50, 0xFD3E), range(0xFD40, 0xFDF3), range(0xFE70, 0xFEFD))
"""Ligatures and presentation forms."""
_SPACE = 0.15
"""Share of the font size from which a gap is a space, where the file has no space character."""
_SPACE_BESIDE_MARKS = 0.2
_CELL_GAP = 2.0
_STRETCHED = 1.5
"""A gap of `_CELL_GAP` font sizes that is `_STRETCHED` times the narrowest of its line separates table cells."""
_SAME_LINE = 0.3
_SAME_LINE_FOR_MARKS = 0.8
"""Largest difference of baselines within a line, as a share of the font size; vowel marks may be higher."""
_NEAR = 6
"""Largest distance between the characters of one glyph in PDFium's order."""
_LIGATURES = re.compile("ل[اأإآ]|ا?لله|[^ىة]+[ىة]")
_ENDINGS = re.compile("ل?[اأآ]ً|ل?ًا")
"""Alef with tanwin, which only ends a word: some programs give only the position of the mark."""
_LINES_BACK = 3
"""Lines searched backwards: a line may continue after its full stop or number was written elsewhere."""


@dataclass(frozen=True)
class Glyph:
    """A glyph: its letters in reading order and its position in points from the lower left of the page."""

    text: str
    left: float
    right: float
    baseline: float
    size: float
    is_known: bool
    """False where the file does not map this glyph to a letter."""

    @property
    def center(self) -> float:
        return (self.left + self.right) / 2


@dataclass(frozen=True)
class PdfLine:
    """A line of a page and its position in points; `size` is the font size, `is_row` marks a table row (wide gaps)."""

    text: str
    left: float
    right: float
    baseline: float
    size: float
    from_right: bool = False
    is_row: bool = False


@dataclass
class _Row:
    """Glyphs on one baseline; a fragment is a run written consecutively."""

    fragments: list[list[Glyph]] = field(default_factory=list)

    size: float = 0.0
    baseline: float = 0.0
    is_raised: bool = False

    def add(self, glyph: Glyph, starts_fragment: bool) -> None:
        if starts_fragment:
            self.fragments.append([])
        if not self.size or (self.is_raised and not _has_mark(glyph)):
            self.baseline, self.is_raised = glyph.baseline, _has_mark(glyph)
        self.fragments[-1].append(glyph)
        if glyph.text.strip():
            self.size = max(self.size, glyph.size)

    @property
    def glyphs(self) -> list[Glyph]:
        return [glyph for fragment in self.fragments for glyph in fragment]


@dataclass(frozen=True)
class Page:
    """The lines of a page in order, its height in points, its word order, and how many glyphs are known or unknown."""

    lines: tuple[PdfLine, ...]
    height: float
    order: Order
    known: int
    unknown: int


def page_of(page: Any) -> Page:
    """Read a page (pypdfium2's `PdfPage`)."""
    glyphs = _ligatures(list(_characters(page)))
    rows = _rows(glyphs)
    rightward, leftward = letters_by_direction(glyph.text for row in rows for glyph in row.glyphs)
    mostly_from_right = rightward > leftward
    lines, order = _best_order(rows, mostly_from_right)
    printed = [glyph for row in rows for glyph in row.glyphs if not glyph.text.isspace()]
    unknown = sum(1 for glyph in printed if not glyph.is_known)
    return Page(tuple(lines), float(page.get_height()), order, len(printed) - unknown, unknown)


@dataclass(frozen=True)
class _Character:
    """A character from PDFium; `origin` is the position of its glyph."""

    glyph: Glyph
    origin: tuple[float, float]
    starts_line: bool


def _characters(page: Any) -> Iterator[_Character]:
    import pypdfium2.raw as pdfium

    text_page = page.get_textpage()
    x, y, box, matrix = ctypes.c_double(), ctypes.c_double(), pdfium.FS_RECTF(), pdfium.FS_MATRIX()
    starts_line = True
    for index in range(text_page.count_chars()):
        text = _letters(pdfium.FPDFText_GetUnicode(text_page, index))
        if text and text in _LINE_BREAKS:
            starts_line = True
            continue
        pdfium.FPDFText_GetCharOrigin(text_page, index, x, y)
        pdfium.FPDFText_GetLooseCharBox(text_page, index, box)
        pdfium.FPDFText_GetMatrix(text_page, index, matrix)
        size = pdfium.FPDFText_GetFontSize(text_page, index) * math.hypot(matrix.c, matrix.d)
        is_known = text != "\ufffd" and not pdfium.FPDFText_HasUnicodeMapError(text_page, index)
        # Boxes may begin at the ink, which overhangs some letters; the origin of a glyph is its pen position.
        is_near = text and not unicodedata.combining(text[0]) and abs(x.value - box.left) < box.right - box.left
        left = min(x.value, box.right) if is_near else box.left
        glyph = Glyph(text if is_known else "", left, box.right, y.value, size, is_known)
        yield _Character(glyph, (x.value, y.value), starts_line)
        starts_line = False


def _letters(code: int) -> str:
    """Return the letters of a character: presentation forms are decomposed; controls and surrogates give ""."""
    character = chr(code)
    if character in _LINE_BREAKS:
        return character
    if character in _HYPHENS:
        return "-"
    if any(code in forms for forms in _FORMS):
        return unicodedata.normalize("NFKC", character)
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category == "Co":
        return "\ufffd"
    return "" if category in ("Cc", "Cs", "Cn") else character


def _ligatures(characters: Sequence[_Character]) -> list[tuple[Glyph, bool]]:
    """Merge the characters of one glyph, in reading order; return each with whether it starts a line.

    PDFium reverses the letters of a ligature where it reversed the surrounding text. Lam-alef, which is never
    alef-lam, indicates this for other ligatures.
    """
    groups: list[list[_Character]] = []
    for character in characters:
        recent = groups[-_NEAR:] if bidi_class(character.glyph.text) == "right" else []
        same_origin = next((group for group in reversed(recent) if group[0].origin == character.origin), None)
        if same_origin and bidi_class(same_origin[0].glyph.text) == "right":
            same_origin.append(character)
        else:
            groups.append([character])
    directions = [_runs_left_to_right(groups, position) for position in range(len(groups))]
    votes = Counter(
        (direction, _is_word_ligature(group[::-1]))
        for group, direction in zip(groups, directions, strict=True)
        if _is_word_ligature(group) or _is_word_ligature(group[::-1])
    )
    # Without votes: current programs write ligatures with their letters, and PDFium reverses those in reversed text.
    is_reversed = {
        rightward: votes[rightward, True] > votes[rightward, False] - (not rightward) for rightward in (True, False)
    }
    return [
        (_merged(group, is_reversed[direction]), group[0].starts_line)
        for group, direction in zip(groups, directions, strict=True)
    ]


def _runs_left_to_right(groups: Sequence[Sequence[_Character]], position: int) -> bool:
    """Return whether the neighbours of this glyph run from left to right."""
    before, after = groups[max(position - 1, 0)][0], groups[min(position + 1, len(groups) - 1)][0]
    return before.origin[0] < after.origin[0]


def _is_word_ligature(group: Sequence[_Character]) -> bool:
    """Return whether these are the letters of a known ligature, in reading order."""
    return bool(_LIGATURES.fullmatch("".join(c.glyph.text for c in group if not _is_mark(c.glyph))))


def _merged(group: Sequence[_Character], is_reversed: bool) -> Glyph:
    if len(group) == 1:
        return group[0].glyph
    if not _is_word_ligature(group) and (is_reversed or _is_word_ligature(group[::-1])):
        group = group[::-1]
    # Marks follow their letters, wherever PDFium put them.
    glyphs = sorted((character.glyph for character in group), key=_is_mark)
    return replace(
        glyphs[0],
        text="".join(glyph.text for glyph in glyphs),
        left=min(glyph.left for glyph in glyphs),
        right=max(glyph.right for glyph in glyphs),
    )


def _rows(glyphs: Iterable[tuple[Glyph, bool]]) -> list[_Row]:
    rows: list[_Row] = []
    current: _Row | None = None
    for glyph, starts_line in glyphs:
        if current and not starts_line and (_is_placeless(glyph) or _on_line(glyph, current)):
            current.add(glyph, starts_fragment=False)
            continue
        if _is_placeless(glyph):
            continue
        current = next((row for row in rows[: -_LINES_BACK - 1 : -1] if _on_line(glyph, row)), None)
        if current is None:
            current = _Row()
            rows.append(current)
        current.add(glyph, starts_fragment=True)
    return [row for row in rows if any(glyph.text.strip() for glyph in row.glyphs)]


def _is_placeless(glyph: Glyph) -> bool:
    """Return whether the glyph is a space that PDFium guessed."""
    return glyph.text == " " and glyph.right <= glyph.left


def _on_line(glyph: Glyph, row: _Row) -> bool:
    share = _SAME_LINE_FOR_MARKS if row.is_raised or _has_mark(glyph) else _SAME_LINE
    return abs(glyph.baseline - row.baseline) <= share * max(glyph.size, row.size)


def _best_order(rows: Sequence[_Row], from_right: bool) -> tuple[list[PdfLine], Order]:
    """Return the lines read in visual order, or as mirrored text where only that gives reading order."""
    visual = [_line(row, from_right, mirrored=False) for row in rows]
    order = Order.of("\n".join(line.text for line in visual))
    if order.is_right is False:
        mirrored = [_line(row, from_right, mirrored=True) for row in rows]
        mirrored_order = Order.of("\n".join(line.text for line in mirrored))
        if mirrored_order.is_right:
            return mirrored, mirrored_order
    return visual, order


def _line(row: _Row, mostly_from_right: bool, mirrored: bool) -> PdfLine:
    glyphs = row.glyphs
    rightward, leftward = letters_by_direction(glyph.text for glyph in glyphs)
    from_right = rightward > 0 and (mostly_from_right or rightward > leftward)
    if rightward == 0:
        text = _as_written(row)
    else:
        texts = list(_spaced(_with_marks(glyphs)))
        text = visual_to_logical(texts) if mirrored else in_reading_order(texts, from_right)
    visible = [glyph for glyph in glyphs if glyph.right > glyph.left and glyph.text.strip()] or glyphs
    return PdfLine(
        text=" ".join(text.split()),
        left=min(glyph.left for glyph in visible),
        right=max(glyph.right for glyph in visible),
        baseline=row.baseline,
        size=_size(glyphs),
        from_right=from_right,
        is_row=_has_gap(visible),
    )


def _has_gap(glyphs: Iterable[Glyph]) -> bool:
    """Return whether wide gaps divide the line. The gaps of a justified line are all equal."""
    ordered = sorted(glyphs, key=lambda glyph: glyph.left)
    size = _size(ordered)
    gaps = [
        gap for previous, following in pairwise(ordered) if (gap := following.left - previous.right) > _SPACE * size
    ]
    return bool(gaps) and max(gaps) > _CELL_GAP * size and (len(gaps) == 1 or max(gaps) > _STRETCHED * min(gaps))


def _as_written(row: _Row) -> str:
    """Return left-to-right text: PDFium's order and spaces, fragments sorted by position."""
    pieces = sorted(row.fragments, key=lambda fragment: fragment[0].left)
    text = "".join(glyph.text for glyph in pieces[0])
    for before, piece in pairwise(pieces):
        is_apart = piece[0].left - before[-1].right > _SPACE * _size(piece)
        text += " " * is_apart + "".join(glyph.text for glyph in piece)
    return text


def _size(glyphs: Sequence[Glyph]) -> float:
    sizes = sorted(glyph.size for glyph in glyphs if glyph.text.strip()) or [0.0]
    return sizes[len(sizes) // 2]


def _with_marks(glyphs: Iterable[Glyph]) -> list[Glyph]:
    """Return the glyphs from left to right; separate vowel marks are attached to the letter below them."""
    visible = [glyph for glyph in glyphs if glyph.right > glyph.left or glyph.text.strip()]
    letters = sorted((glyph for glyph in visible if not _is_mark(glyph)), key=lambda glyph: (glyph.left, glyph.right))
    for mark in (glyph for glyph in visible if _is_mark(glyph)):
        base = min(
            (position for position, letter in enumerate(letters) if bidi_class(letter.text) == "right"),
            key=lambda position: abs(letters[position].center - mark.center),
            default=None,
        )
        if base is not None:
            letters[base] = replace(letters[base], text=letters[base].text + mark.text)
    return letters


def _is_mark(glyph: Glyph) -> bool:
    return bool(glyph.text) and all(unicodedata.combining(character) for character in glyph.text)


def _has_mark(glyph: Glyph) -> bool:
    return any(unicodedata.combining(character) for character in glyph.text)


def _spaced(glyphs: Sequence[Glyph]) -> Iterator[str]:
    """Yield the texts of the glyphs, with a space at each wide gap."""
    size = _size(glyphs)
    for position, glyph in enumerate(glyphs):
        if position and _are_apart(glyphs[position - 1], glyph, size):
            yield " "
        # A glyph without letters (a stretched join) only keeps its neighbours together.
        if glyph.text:
            yield glyph.text


def _are_apart(left: Glyph, right: Glyph, size: float) -> bool:
    # A letter with a vowel mark may have the box of the mark alone, which is narrower.
    share = _SPACE_BESIDE_MARKS if _has_mark(left) or _has_mark(right) else _SPACE
    return right.left - left.right > share * size and not _ENDINGS.fullmatch(left.text)
