"""From the LLM's words back to the article's: where a phrase stands, and the quotation around it.

The LLM chooses; what is shown is cut out of the stored article by offsets. A phrase is looked for with Arabic
folding, first as it is, then as the stretch of words that shares most with it. What cannot be found in the
evidence is not quoted, and an answer without a quotation is not given.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from index.articles import Span
from index.folding import Folded, fold
from qa.answer import Citation
from qa.evidence import Evidence

_WORD = re.compile(r"\w+")
_PREFIXES = ("ال", "و", "ب", "ل", "ف", "ك")
_SIMILAR_ENOUGH = 0.6
"""Least word F1 between what the LLM wrote and what stands in the article for the two to be one phrase."""
_AS_GOOD = 0.8
"""Least share of the best sentence's score at which another article's sentence is cited beside it."""
_MOST_CITATIONS = 4


@dataclass(frozen=True)
class Located:
    """A phrase found in a piece of evidence; `span` counts in the article's text."""

    evidence: Evidence
    span: Span

    @property
    def text(self) -> str:
        return self.evidence.article.text[self.span.start : self.span.end]


def locate(phrase: str, evidence: Sequence[Evidence]) -> Located | None:
    """The first (that is, best) piece of evidence that holds `phrase`, or the nearest thing to it."""
    wanted = _words(fold(phrase))
    if not wanted:
        return None
    best: Located | None = None
    best_score = _SIMILAR_ENOUGH
    for piece in evidence:
        score, span = _nearest(wanted, piece)
        if score > best_score or (score == best_score and best is None):
            best, best_score = Located(piece, span), score
    return best


def also_in(located: Located, evidence: Sequence[Evidence]) -> list[Located]:
    """`located`, and the same phrase where sentences of other articles that are worth as much hold it."""
    phrase = fold(located.text).text
    found = [located]
    for piece in evidence:
        others = {other.evidence.article.id for other in found}
        if piece.article.id in others or piece.score < _AS_GOOD * located.evidence.score:
            continue
        match = re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", fold(piece.text).text)
        if match:
            found.append(Located(piece, piece.span))
    return found[:_MOST_CITATIONS]


def cite(marker: int, located: Located) -> Citation:
    """The quotation of the whole sentence in which the phrase stands."""
    article, span = located.evidence.article, located.evidence.span
    return Citation(
        marker=marker,
        article_id=article.id,
        title=article.title,
        source=article.source,
        date=article.date,
        language=article.language,
        start=span.start,
        end=span.end,
        quote=article.text[span.start : span.end],
    )


@dataclass(frozen=True)
class _Word:
    text: str
    start: int
    end: int


def _words(folded: Folded) -> list[_Word]:
    return [_Word(match.group(), match.start(), match.end()) for match in _WORD.finditer(folded.text)]


def _nearest(wanted: list[_Word], piece: Evidence) -> tuple[float, Span]:
    """(word F1, span in the article) of the stretch of the sentence that is most like the wanted words."""
    folded = fold(piece.article.text[piece.span.start : piece.span.end])
    words = _words(folded)
    target = Counter(_bare(word.text) for word in wanted)
    best, best_range = 0.0, (0, 0)
    for start in range(len(words)):
        if _bare(words[start].text) not in target:
            continue
        shared = 0
        left = target.copy()
        # A stretch much longer than what was wanted cannot be the best one.
        for end in range(start, min(len(words), start + 2 * len(wanted) + 1)):
            bare = _bare(words[end].text)
            if left[bare] > 0:
                left[bare] -= 1
                shared += 1
                score = 2 * shared / (len(wanted) + end - start + 1)
                if score > best:
                    best, best_range = score, (start, end)
    if not best:
        return 0.0, piece.span
    span = folded.to_original(words[best_range[0]].start, words[best_range[1]].end)
    return best, _trimmed(piece.article.text, Span(piece.span.start + span.start, piece.span.start + span.end))


def _bare(word: str) -> str:
    """A folded word without the article and the letters written onto it, so that والكاظمي meets الكاظمي."""
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= 3:
            word = word[len(prefix) :]
    return word


def _trimmed(text: str, span: Span) -> Span:
    """`span` without the white space and marks that folding left at its end."""
    end = span.end
    while end > span.start and not text[end - 1].isalnum() and text[end - 1] not in "%٪)\"”»'’":
        end -= 1
    return Span(span.start, end) if end > span.start else span
