"""Locate the LLM's phrase in an article, and build the quotation around it.

The LLM chooses; the text shown is cut from the stored article by offsets. A phrase is searched with Arabic folding,
first exactly, then by similarity. A phrase that cannot be found in the evidence is not quoted, and an answer without a
quotation is not given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.fuzz import partial_ratio_alignment

from index.articles import Span
from index.text.folding import Folded, fold
from index.text.language import detect_language
from index.text.words import content_words
from qa.answer import Citation
from qa.evidence import Evidence

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# A phrase is the answer itself: «البصرة», not «في البصرة»; "1859", not "in 1859".
_LEADING = re.compile(r"(?:(?:في|علي|من|الي|عن|منذ|خلال|in|on|at|of|by|to|from|since|the|a|an)\s+)+(?=\S)")
_OPENING, _CLOSING = "([$€£", ")]%٪"
_SIMILAR_ENOUGH = 80.0
"""Minimum similarity, of 100, between the LLM's phrase and the article's text for the two to match."""
_AS_GOOD = 0.8
"""Minimum share of the best sentence's score at which another article's sentence is cited too."""
_SAME_WORDS = 0.25
"""Minimum share of the shorter sentence's words, except the phrase, that two sentences of one language must share to
say the same. "Blue" may be a colour in one and a tram line in the other."""
_MOST_CITATIONS = 4
_WORD = re.compile(r"\w+")
_WORDS_BETWEEN = 2
"""Maximum words in the article between those of the LLM's phrase."""


@dataclass(frozen=True)
class Located:
    """A phrase found in a piece of evidence; `span` has offsets into the article's text."""

    evidence: Evidence
    span: Span

    @property
    def text(self) -> str:
        return self.evidence.article.text[self.span.start : self.span.end]

    def same_sentence(self, other: Located) -> bool:
        """Return whether both are in the same sentence, or in overlapping evidence."""
        one, another = self.evidence, other.evidence
        return one.article.id == another.article.id and one.span.overlaps(another.span)


def locate(phrase: str, evidence: Sequence[Evidence]) -> Located | None:
    """Locate `phrase` in the best piece of evidence that contains it; if none does, the most similar stretch.

    Similarity is rapidfuzz's partial ratio: the fewest edits between the phrase and a stretch of the sentence.
    A stretch with other numbers than the phrase never matches, however similar.
    """
    wanted = _tidy(fold(phrase).text)
    if not any(map(str.isalnum, wanted)):
        return None
    sentences = [fold(piece.article.text[piece.span.start : piece.span.end]) for piece in evidence]
    for piece, sentence in zip(evidence, sentences, strict=True):
        match = re.search(_as_words(wanted), sentence.text)
        if match:
            return _located(piece, sentence, *match.span("phrase"))
    likest: tuple[float, Located] | None = None
    for piece, sentence in zip(evidence, sentences, strict=True):
        alike = _most_alike(wanted, sentence)
        if alike and (likest is None or alike[0] > likest[0]):
            likest = (alike[0], _located(piece, sentence, *alike[1]))
    if likest:
        return likest[1]
    for piece, sentence in zip(evidence, sentences, strict=True):
        stretch = _same_words(wanted, sentence.text)
        if stretch:
            return _located(piece, sentence, *stretch)
    return None


def corroborating(located: Located, evidence: Sequence[Evidence]) -> list[Located]:
    """Return `located`, and the same phrase in sentences of other articles that say the same."""
    phrase = _tidy(fold(located.text).text)
    found = [located]
    for piece in evidence:
        others = {other.evidence.article.id for other in found}
        if piece.article.id in others or piece.score < _AS_GOOD * located.evidence.score:
            continue
        if re.search(_as_words(phrase), fold(piece.text).text) and _same_said(located, piece):
            found.append(Located(piece, piece.span))
    return found[:_MOST_CITATIONS]


def _same_said(located: Located, piece: Evidence) -> bool:
    """Return whether `piece` shares other words with the phrase's sentence; always true across languages."""
    one, other = located.evidence.text, piece.text
    if detect_language(one) != detect_language(other):
        return True
    phrase = content_words(located.text)
    words, others = content_words(one) - phrase, content_words(other) - phrase
    fewer = min(len(words), len(others))
    return fewer == 0 or len(words & others) >= _SAME_WORDS * fewer


def is_same_answer(one: Located, other: Located) -> bool:
    """Return whether two phrases say the same, one perhaps in more words: "2,500" and "2,500 soldiers"."""
    words, others = content_words(one.text), content_words(other.text)
    return bool(words and others) and (words <= others or others <= words)


def cite(marker: int, located: Located) -> Citation:
    """Return the quotation of the complete sentence that contains the phrase."""
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


def _as_words(folded: str) -> str:
    """Return a pattern for `folded` as whole words with any white space between them, excluding leading clitics."""
    words = r"\s+".join(map(re.escape, folded.split()))
    return rf"(?<!\w)[وفبلك]{{0,2}}(?P<phrase>(?:ال)?{words})(?!\w)"


def _most_alike(wanted: str, sentence: Folded) -> tuple[float, tuple[int, int]] | None:
    """Return similarity and range, in whole words, of the most similar stretch of a sentence, if similar enough."""
    # Otherwise rapidfuzz would search for the sentence in the phrase.
    if len(wanted) > len(sentence.text):
        return None
    alike = partial_ratio_alignment(wanted, sentence.text, score_cutoff=_SIMILAR_ENOUGH)
    if alike is None:
        return None
    start, end = _whole_words(sentence.text, alike.dest_start, alike.dest_end)
    return (alike.score, (start, end)) if extract_numbers(sentence.text[start:end]) == extract_numbers(wanted) else None


def _same_words(wanted: str, sentence: str) -> tuple[int, int] | None:
    """Return the shortest stretch of a sentence with all the words of `wanted`, whatever small words are between.

    «من 1500 إلى 1850» is «1500 و 1850», and «نوع من 150» is «150 نوعاً»; the stretch may be a little longer.
    """
    needed = content_words(wanted)
    words = list(_WORD.finditer(sentence))
    carried = [content_words(word.group()) for word in words]
    best: tuple[int, int] | None = None
    for first in range(len(words)):
        missing = set(needed)
        for last in range(first, min(first + len(wanted.split()) + _WORDS_BETWEEN, len(words))):
            missing -= carried[last]
            if not missing:
                if best is None or last - first < best[1] - best[0]:
                    best = (first, last)
                break
    if not needed or best is None:
        return None
    start, end = words[best[0]].start(), words[best[1]].end()
    return (start, end) if sorted(extract_numbers(sentence[start:end])) == sorted(extract_numbers(wanted)) else None


def _located(piece: Evidence, sentence: Folded, start: int, end: int) -> Located:
    """Map a stretch of the folded sentence to a span of the article, without small words and marks at its ends."""
    text = sentence.text
    leading = _LEADING.match(text, start, end)
    start = leading.end() if leading else start
    while end > start + 1 and not (text[end - 1].isalnum() or text[end - 1] in _CLOSING):
        end -= 1
    while start < end - 1 and not (text[start].isalnum() or text[start] in _OPENING):
        start += 1
    span = sentence.to_original(start, end)
    return Located(piece, Span(piece.span.start + span.start, piece.span.start + span.end))


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return start, end


def _tidy(phrase: str) -> str:
    """Strip the quotation marks and full stops that the LLM put around a phrase."""
    return " ".join(phrase.split()).strip(" .،,;:؛\"'«»“”")


def extract_numbers(text: str) -> list[str]:
    """Return the numbers of a folded text, in order, without their thousands separators."""
    return [number.replace(",", "") for number in _NUMBER.findall(text)]
