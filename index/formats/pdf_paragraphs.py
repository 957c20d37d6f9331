"""Paragraphs from the lines of PDF pages. No text is dropped: running headers and page numbers are marked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from index.articles import Span
from index.formats.pdf_lines import Page, PdfLine

_OUTER_LINES = 3
"""Most lines of a running header, and of a footer."""
_MARGIN = 0.12
"""Share of the page's height, at either edge, that headers and footers are in."""
_MIN_PAGE_SHARE = 0.3
"""Least share of pages with a header: it may be on every second page only, and not where a chapter begins."""
_STEP = 1.35
"""Largest line step within a paragraph, relative to the usual step of the page."""
_HEADLINE_STEP = 2.2
"""The same for headlines, relative to their font size."""
_OTHER_SIZE = 1.12
"""Ratio from which font sizes count as different."""
_NEIGHBOURS = 4
_FREE_SHARE = 0.35
"""Free share of the column from which a line ends its paragraph; with less, only where a sentence ends too."""
_ITEM = re.compile(r"[•▪●○◦■–—-]\s|\(?\d{1,2}[.)]\s")
_TENS = frozenset({"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"})
_SENTENCE_END = re.compile(r"[.!?؟…:][\"'”’»)\]]*$")
_NUMBER = re.compile(r"\d+|\b[ivxl]+\b")
_BROKEN_WORD = re.compile(r"([^\W\d_]+)[-‐\u00ad]$")
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


@dataclass
class _Block:
    """A paragraph, or a running header, footer or page number."""

    text: str
    is_header_or_footer: bool = False


@dataclass
class _Flow:
    """The text so far. Headers and footers within a paragraph wait until it ends."""

    vocabulary: Counter[str]
    blocks: list[_Block] = field(default_factory=list)
    waiting: list[_Block] = field(default_factory=list)

    def add(self, line: str, continues: bool) -> None:
        if continues and self.blocks:
            self.blocks[-1].text = _joined(self.blocks[-1].text, line, self.vocabulary)
            return
        self.settle()
        self.blocks.append(_Block(line))

    def settle(self) -> None:
        self.blocks += self.waiting
        self.waiting.clear()


def text_of_pages(pages: Sequence[Page]) -> tuple[str, tuple[Span, ...]]:
    """Return the text, paragraphs separated by an empty line, and the spans of headers, footers and page numbers."""
    headers_and_footers = _headers_and_footers(pages)
    flow = _Flow(Counter(word for page in pages for line in page.lines for word in _WORDS.findall(line.text)))
    last: PdfLine | None = None
    for number, page in enumerate(pages):
        flow.waiting += [_Block(page.lines[at].text, True) for at in sorted(headers_and_footers[number])]
        body = [line for at, line in enumerate(page.lines) if at not in headers_and_footers[number]]
        for line, continues in zip(body, _continuations(body, last), strict=True):
            flow.add(line.text, continues)
        last = body[-1] if body else last
    flow.settle()
    return _assembled(flow.blocks)


def _assembled(blocks: Sequence[_Block]) -> tuple[str, tuple[Span, ...]]:
    texts, ignored, start = [], [], 0
    for block in blocks:
        texts.append(block.text)
        if block.is_header_or_footer:
            ignored.append(Span(start, start + len(block.text)))
        start += len(block.text) + 2
    return "\n\n".join(texts), tuple(ignored)


def _headers_and_footers(pages: Sequence[Page]) -> list[set[int]]:
    """Return, by page, the lines that recur at the same position of other pages, ignoring numbers in them."""
    outer = [list(_outer_lines(page)) for page in pages]
    counts = Counter(key for page in outer for key in {key for _, key in page})
    enough = max(2, min(3, len(pages)), round(_MIN_PAGE_SHARE * len(pages)))
    return [{at for at, key in page if counts[key] >= enough} for page in outer]


def _outer_lines(page: Page) -> Iterator[tuple[int, tuple[str, int]]]:
    order = sorted(range(len(page.lines)), key=lambda at: page.lines[at].baseline)
    for at in {*order[:_OUTER_LINES], *order[-_OUTER_LINES:]}:
        line = page.lines[at]
        if min(line.baseline, page.height - line.baseline) <= _MARGIN * page.height:
            # Positions are equal up to rounding by the program that made the file.
            yield at, (_NUMBER.sub("#", line.text), round(line.baseline / 4))


def _continuations(lines: Sequence[PdfLine], before: PdfLine | None) -> Iterator[bool]:
    """Yield for each line of a page whether it continues the paragraph of the line before."""
    steps = [(step, upper.size) for upper, lower in pairwise(lines) if (step := upper.baseline - lower.baseline) > 0]
    steps.sort()
    usual, size = steps[len(steps) // 3] if steps else (0.0, 0.0)
    for at, line in enumerate(lines):
        previous = lines[at - 1] if at else before
        near = lines[max(at - _NEIGHBOURS, 0) : at + _NEIGHBOURS]
        is_headline = line.size > _OTHER_SIZE * size
        widest_step = (_HEADLINE_STEP * line.size if is_headline else _STEP * usual) if at else None
        yield previous is not None and _continues_paragraph(previous, line, near, widest_step)


def _continues_paragraph(before: PdfLine, line: PdfLine, near: Sequence[PdfLine], widest_step: float | None) -> bool:
    """Return whether `line` continues the paragraph; `widest_step` is `None` for the first line of a page."""
    is_row = before.is_row or line.is_row
    if is_row or not _have_same_size(before, line) or before.from_right != line.from_right or _ITEM.match(line.text):
        return False
    step = before.baseline - line.baseline
    if widest_step is None or step <= 0:  # the top of a page or column: continues unless a sentence ended
        return not _SENTENCE_END.search(before.text)
    return step <= widest_step and (_is_divided(before.text, line.text) or not _ended_early(before, line, near))


def _have_same_size(line_a: PdfLine, line_b: PdfLine) -> bool:
    """Return whether the font sizes are equal."""
    return max(line_a.size, line_b.size) <= _OTHER_SIZE * min(line_a.size, line_b.size)


def _ended_early(before: PdfLine, line: PdfLine, near: Sequence[PdfLine]) -> bool:
    """Return whether the first word of `line` would have fitted on the line before, which was ended on purpose."""
    column = [
        neighbour
        for neighbour in near
        if neighbour.left < before.right and before.left < neighbour.right and _have_same_size(neighbour, line)
    ]
    left, right = (
        min(neighbour.left for neighbour in (*column, before)),
        max(neighbour.right for neighbour in (*column, before)),
    )
    first_word_width = len(line.text.split(" ", 1)[0]) / max(len(line.text), 1) * (line.right - line.left)
    free_width = before.left - left if before.from_right else right - before.right
    if free_width <= first_word_width + 0.5 * before.size:
        return False
    return bool(_SENTENCE_END.search(before.text)) or free_width > _FREE_SHARE * (right - left)


def _is_divided(text: str, line: str) -> bool:
    return bool(_BROKEN_WORD.search(text)) and line[:1].isalpha()


def _joined(text: str, line: str, vocabulary: Counter[str]) -> str:
    """Join two lines of a paragraph, and the parts of a word divided between them."""
    broken = _BROKEN_WORD.search(text)
    if broken is None or not _is_divided(text, line):
        is_number = broken is not None and text[-1] == "-" and line[:1].isdecimal()
        return text + line if is_number else f"{text} {line}"
    sign, rest = text[-1], _WORDS.match(line)
    joined = broken[1] + (rest[0] if rest else "")
    kept = f"{broken[1]}-{rest[0] if rest else ''}"
    is_compound = sign == "-" and (
        line[0].isupper() or broken[1].lower() in _TENS or vocabulary[kept] > vocabulary[joined]
    )
    return text + line if is_compound else text[:-1] + line
