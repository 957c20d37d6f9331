"""Multi-sentence answers: select sentences of the articles, and order them.

"Summarise", "compare" and "list", and also "why" and "how" are answered by the articles' own sentences, each with its
quotation, so that nothing can be invented. They stay in their article's language. Translated by the default LLM, 46
manuscripts became 46 minerals, and none of the checks would have detected it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.retriever import Hit
from index.text.words import content_words
from qa.evidence import Evidence, EvidenceWeights, rank_sentences

MAX_SENTENCES = 5
"""Maximum sentences of an answer."""
MAX_REASONS = 3
"""Maximum sentences of an explanation. Those after the phrase explain more than those nearest to the question."""
_WEIGHTS = EvidenceWeights(passage=0.2, sentence=0.6, words=0.2)
"""More weight on the sentence's own cosine than in the search for one phrase. On the tuning half of
`benchmarks/sets/whole-answers.jsonl` the two differ by chance only."""
_MIN_SCORE_RATIO = 0.6
_REDUNDANT_SHARE = 0.8
"""Minimum share of words in common with a chosen sentence for a sentence to be redundant."""
_CONNECTIVE = re.compile(r"^(?:However|But|And|So|Moreover|Also|Then|Yet),?\s+(?=\S)")
_SENTENCE_ENDS = ".!?؟…»”\"'"
_MAX_HEADING_WORDS = 12
"""Maximum words of a line without a full stop to be taken for a heading."""


def select_sentences(question: str, hits: Sequence[Hit], max_sentences: int = MAX_SENTENCES) -> list[Evidence]:
    """Return up to `max_sentences` sentences that answer together, in reading order."""
    chosen: list[Evidence] = []
    for evidence in rank_sentences(question, hits, _WEIGHTS):
        if len(chosen) == max_sentences or (chosen and evidence.score < _MIN_SCORE_RATIO * chosen[0].score):
            break
        if _is_sentence(evidence) and not any(_is_redundant(evidence, selected) for selected in chosen):
            chosen.append(evidence)
    return in_reading_order(chosen)


def expand_explanation(phrase: Evidence, hits: Sequence[Hit]) -> list[Evidence]:
    """Return the sentence of the phrase, and those that follow it, as far as they were retrieved."""
    by_start = {
        evidence.span.start: evidence
        for evidence in rank_sentences("", hits)
        if evidence.article.id == phrase.article.id
    }
    following = sorted(start for start in by_start if start >= phrase.span.end)
    return [phrase, *(by_start[start] for start in following[: MAX_REASONS - 1])]


def strip_connective(evidence: Evidence) -> str:
    """Return the sentence without its leading connective."""
    rest = _CONNECTIVE.sub("", evidence.text)
    return rest[:1].upper() + rest[1:]


def in_reading_order(chosen: Sequence[Evidence]) -> list[Evidence]:
    """Sort by article, that of the best sentence first; within an article by position."""
    articles = list(dict.fromkeys(evidence.article.id for evidence in chosen))
    return sorted(chosen, key=lambda evidence: (articles.index(evidence.article.id), evidence.span.start))


def _is_sentence(evidence: Evidence) -> bool:
    """Return whether it is a sentence, not a title or heading."""
    text = evidence.text.strip()
    return text != evidence.article.title.strip() and (
        text[-1:] in _SENTENCE_ENDS or len(text.split()) > _MAX_HEADING_WORDS
    )


def _is_redundant(evidence: Evidence, selected: Evidence) -> bool:
    words = content_words(evidence.text)
    return len(words & content_words(selected.text)) >= _REDUNDANT_SHARE * len(words)
