"""Chunker: split articles into passages, the unit of embedding and retrieval.

Whole sentences are packed into a passage up to `TARGET` code points; a passage never crosses an ignored span,
and a paragraph is not split if it fits. The size was chosen from the curve in `docs/benchmarks.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

from index.articles import Article, Span
from index.text.sentences import sentences

TARGET = 1000
"""Target size of a passage in code points: about 250 tokens of the embedder in either language."""
CHUNKER_VERSION = "sentences-1"
"""Version of the chunker, stored in the index, which is rebuilt when it changes."""

_PARAGRAPH = re.compile(r"\n\s*\n|\n")


@dataclass(frozen=True)
class Passage:
    """`text == article.text[start:end]`; `number` is its key in the index."""

    number: int
    article_id: str
    start: int
    end: int
    text: str


def split_passages(article: Article) -> Iterator[Span]:
    """Yield the spans of an article's passages, in order, without overlap."""
    for block in own_text(article):
        yield from _pack(article.text, block)


def own_text(article: Article) -> list[Span]:
    """Return the spans of the article between its ignored spans."""
    visible, start = [], 0
    for span in sorted(article.ignored, key=lambda span: span.start):
        visible.append(Span(start, span.start))
        start = max(start, span.end)
    visible.append(Span(start, len(article.text)))
    return [span for span in visible if span.end > span.start]


def _paragraphs(text: str, block: Span) -> Iterator[list[Span]]:
    ends = (match.end() for match in _PARAGRAPH.finditer(text, block.start, block.end))
    for start, end in pairwise(chain([block.start], ends, [block.end])):
        if paragraph := sentences(text, Span(start, end)):
            yield paragraph


def _pack(text: str, block: Span) -> Iterator[Span]:
    open_span: Span | None = None
    for paragraph in _paragraphs(text, block):
        length = paragraph[-1].end - paragraph[0].start
        # A paragraph that fits alone, but not into the open passage, starts a new one.
        if open_span and paragraph[-1].end - open_span.start > TARGET >= length:
            yield open_span
            open_span = None
        for sentence in paragraph:
            if open_span and sentence.end - open_span.start > TARGET:
                yield open_span
                open_span = None
            open_span = Span(open_span.start if open_span else sentence.start, sentence.end)
    if open_span:
        yield open_span
