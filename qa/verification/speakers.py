"""Speakers: who says a sentence of an interview or of minutes, by the label before it ("HUDA KASSAR, mayor: …")."""

from __future__ import annotations

import re

from index.articles import Article, Span

_LABEL = re.compile(
    r"^[ \t]*(?P<name>[^\W\d_][^:\n.!?؟،,]{1,60}?)(?:[,،] [^:\n]{1,60})?[ \t]*:(?=[ \t]|\n)", re.MULTILINE
)
_MIN_LABELS = 3
"""Labels in an article from which they are speakers; fewer may be a heading with a colon."""


def speaker_of(article: Article, span: Span) -> str | None:
    """Return the label that a stretch of the article stands under; `None` if it has no speakers."""
    labels = list(_LABEL.finditer(article.text))
    names = [label["name"].strip() for label in labels]
    # Speakers take turns: their labels come again.
    if len(labels) < _MIN_LABELS or len(set(names)) == len(names):
        return None
    before = [label for label in labels if label.start() <= span.start]
    return before[-1]["name"].strip() if before else None


def speakers(article: Article) -> frozenset[str]:
    """Return all speakers of an article; empty if it has none."""
    names = [label["name"].strip() for label in _LABEL.finditer(article.text)]
    return frozenset(names) if len(names) >= _MIN_LABELS and len(set(names)) < len(names) else frozenset()
