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
_MIN_SIMILARITY = 80.0
"""Minimum similarity, of 100, between the LLM's phrase and the article's text for the two to match."""
_MIN_SCORE_RATIO = 0.8
"""Minimum share of the best sentence's score at which another article's sentence is cited too."""
_MIN_SHARED_WORDS = 0.25
"""Minimum share of the shorter sentence's words, except the phrase, that two sentences of one language must share to
say the same. "Blue" may be a colour in one and a tram line in the other."""
_MAX_CITATIONS = 4
_WORD = re.compile(r"\w+")
_MAX_WORDS_BETWEEN = 2
"""Maximum words in the article between those of the LLM's phrase."""


@dataclass(frozen=True)
class Located:
    """A phrase found in a piece of evidence; `span` has offsets into the article's text."""

    evidence: Evidence
    span: Span

    @property
    def text(self) -> str:
        return self.evidence.cut(self.span)

    def same_sentence(self, other: Located) -> bool:
        """Return whether both are in the same sentence, or in overlapping evidence."""
        evidence, other_evidence = self.evidence, other.evidence
        return (
            evidence.article.id == other_evidence.article.id
            and evidence.field == other_evidence.field
            and evidence.span.overlaps(other_evidence.span)
        )


def locate(phrase: str, evidence: Sequence[Evidence]) -> Located | None:
    """Locate `phrase` in the best piece of evidence that contains it; if none does, the most similar stretch.

    Similarity is rapidfuzz's partial ratio: the fewest edits between the phrase and a stretch of the sentence.
    A stretch with other numbers than the phrase never matches, however similar.
    """
    folded_phrase = _strip_marks(fold(phrase).text)
    if not any(map(str.isalnum, folded_phrase)):
        return None
    sentences = [fold(piece.article.text[piece.span.start : piece.span.end]) for piece in evidence]
    for piece, sentence in zip(evidence, sentences, strict=True):
        match = re.search(_whole_word_pattern(folded_phrase), sentence.text)
        if match:
            return _located(piece, sentence, *match.span("phrase"))
    best: tuple[float, Located] | None = None
    for piece, sentence in zip(evidence, sentences, strict=True):
        similar = _most_similar(folded_phrase, sentence)
        if similar and (best is None or similar[0] > best[0]):
            best = (similar[0], _located(piece, sentence, *similar[1]))
    if best:
        return best[1]
    for piece, sentence in zip(evidence, sentences, strict=True):
        stretch = _stretch_with_words(folded_phrase, sentence.text)
        if stretch:
            return _located(piece, sentence, *stretch)
    return None


def corroborating(located: Located, evidence: Sequence[Evidence]) -> list[Located]:
    """Return `located`, and the same phrase in sentences of other articles that say the same."""
    phrase = _strip_marks(fold(located.text).text)
    corroborated = [located]
    for piece in evidence:
        article_ids = {other.evidence.article.id for other in corroborated}
        if piece.article.id in article_ids or piece.score < _MIN_SCORE_RATIO * located.evidence.score:
            continue
        if re.search(_whole_word_pattern(phrase), fold(piece.text).text) and _says_the_same(located, piece):
            corroborated.append(Located(piece, piece.span))
    return corroborated[:_MAX_CITATIONS]


def _says_the_same(located: Located, piece: Evidence) -> bool:
    """Return whether `piece` shares other words with the phrase's sentence; always true across languages."""
    sentence, piece_text = located.evidence.text, piece.text
    if detect_language(sentence) != detect_language(piece_text):
        return True
    phrase = content_words(located.text)
    sentence_words, piece_words = content_words(sentence) - phrase, content_words(piece_text) - phrase
    min_count = min(len(sentence_words), len(piece_words))
    return min_count == 0 or len(sentence_words & piece_words) >= _MIN_SHARED_WORDS * min_count


def is_same_answer(first: Located, second: Located) -> bool:
    """Return whether two phrases say the same, one perhaps in more words: "2,500" and "2,500 soldiers"."""
    first_words, second_words = content_words(first.text), content_words(second.text)
    return bool(first_words and second_words) and (first_words <= second_words or second_words <= first_words)


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
        quote=located.evidence.cut(span),
        field=located.evidence.field,
    )


def _whole_word_pattern(folded: str) -> str:
    """Return a pattern for `folded` as whole words with any white space between them, excluding leading clitics."""
    words = r"\s+".join(map(re.escape, folded.split()))
    return rf"(?<!\w)[وفبلك]{{0,2}}(?P<phrase>(?:ال)?{words})(?!\w)"


def _most_similar(phrase: str, sentence: Folded) -> tuple[float, tuple[int, int]] | None:
    """Return similarity and range, in whole words, of the most similar stretch of a sentence, if similar enough."""
    # Otherwise rapidfuzz would search for the sentence in the phrase.
    if len(phrase) > len(sentence.text):
        return None
    alignment = partial_ratio_alignment(phrase, sentence.text, score_cutoff=_MIN_SIMILARITY)
    if alignment is None:
        return None
    start, end = _extend_to_words(sentence.text, alignment.dest_start, alignment.dest_end)
    return (
        (alignment.score, (start, end))
        if extract_numbers(sentence.text[start:end]) == extract_numbers(phrase)
        else None
    )


def _stretch_with_words(phrase: str, sentence: str) -> tuple[int, int] | None:
    """Return the shortest stretch of a sentence with all the words of `phrase`, whatever small words are between.

    «من 1500 إلى 1850» is «1500 و 1850», and «نوع من 150» is «150 نوعاً»; the stretch may be a little longer.
    """
    phrase_words = content_words(phrase)
    words = list(_WORD.finditer(sentence))
    content = [content_words(word.group()) for word in words]
    best: tuple[int, int] | None = None
    for first in range(len(words)):
        missing = set(phrase_words)
        for last in range(first, min(first + len(phrase.split()) + _MAX_WORDS_BETWEEN, len(words))):
            missing -= content[last]
            if not missing:
                if best is None or last - first < best[1] - best[0]:
                    best = (first, last)
                break
    if not phrase_words or best is None:
        return None
    start, end = words[best[0]].start(), words[best[1]].end()
    return (start, end) if sorted(extract_numbers(sentence[start:end])) == sorted(extract_numbers(phrase)) else None


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


def _extend_to_words(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return start, end


def _strip_marks(phrase: str) -> str:
    """Strip the quotation marks and full stops that the LLM put around a phrase."""
    return " ".join(phrase.split()).strip(" .،,;:؛\"'«»“”")


def extract_numbers(text: str) -> list[str]:
    """Return the numbers of a folded text, in order, without their thousands separators."""
    return [number.replace(",", "") for number in _NUMBER.findall(text)]
