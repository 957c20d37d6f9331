"""Yes-or-no questions: the sentence that speaks of what is asked, and whether it says so or denies it.

The sentence is the one that has most of the question's words, names and meaning. Whether it says yes or no is told by
its polarity (`qa/polarity.py`); where it has too little of the question, the answer is neither. An LLM of 1.5B tells
yes from no less well (docs/answer-verification.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.articles import Language
from index.retriever import Hit
from index.text.language import detect_language
from index.text.words import normalize_tokens
from qa.citations import Located
from qa.composed import ComposedAnswer, Statement
from qa.composed_texts import texts
from qa.evidence import Evidence, rank_sentences
from qa.polarity import polarity_of
from qa.query.understanding import Understanding
from qa.reader.extractive_qa import logistic
from qa.text_words import TextWords
from qa.verification.grounding import Grounder, share, surroundings

CANDIDATES = 40
"""Sentences that are looked at, likeliest first."""


@dataclass(frozen=True)
class VerdictWeights:
    """Weights of the signals of a sentence, and the bias: a logistic function that it is the one that decides."""

    evidence: float
    words: float
    near_words: float
    names: float
    bias: float


VERDICT_WEIGHTS = VerdictWeights(evidence=4.0, words=2.0, near_words=1.0, names=-4.0, bias=-3.2)
WORDS_ACROSS_LANGUAGES = 0.5
"""Share of words that count as found in another language, where words cannot be compared."""
MIN_WORDS = 3
"""Minimum words of a sentence without a colon; fewer are a heading."""
MAX_CONFIDENCE = 0.6
"""No verdict is surer: rules do not understand the sentence, and are right in six of ten that they give."""


@dataclass(frozen=True)
class Candidate:
    """A sentence that may decide, and how likely it is the one."""

    evidence: Evidence
    likelihood: float


def answer_yes_no(
    question: str, asked: Understanding, hits: Sequence[Hit], language: Language
) -> ComposedAnswer | None:
    """Return yes or no with the sentence that says so; `None` if there is no sentence at all."""
    best = max(candidates(question, asked, hits), key=lambda one: one.likelihood, default=None)
    if best is None:
        return None
    verdict = polarity_of(best.evidence.text).negated == asked.polarity.negated
    wording = texts(language)["verdict"]
    sentence = best.evidence.text if best.evidence.text[-1] in ".!…؟?" else f"{best.evidence.text}."
    said = f"{wording['yes' if verdict else 'no']} {sentence}"
    statement = Statement(said, (Located(best.evidence, best.evidence.span),))
    return ComposedAnswer((statement,), min(best.likelihood, MAX_CONFIDENCE), verdict=verdict)


def candidates(question: str, asked: Understanding, hits: Sequence[Hit]) -> Iterator[Candidate]:
    """Yield the sentences that may decide; a question or a heading is none."""
    grounder = Grounder(asked)
    for evidence in rank_sentences(question, hits)[:CANDIDATES]:
        text = evidence.text.rstrip(' "”»')
        if not text.endswith(("?", "؟")) and (len(text.split()) >= MIN_WORDS or ":" in text):
            yield Candidate(evidence, _likelihood(asked, evidence, grounder))


def _likelihood(
    asked: Understanding, evidence: Evidence, grounder: Grounder, weights: VerdictWeights = VERDICT_WEIGHTS
) -> float:
    near = TextWords(evidence.text, *surroundings(evidence.article, evidence.span))
    stems = frozenset(normalize_tokens(evidence.text))
    in_sentence = share(sum(word in stems for word in asked.words), len(asked.words))
    in_surroundings = share(sum(word in near.stems for word in asked.words), len(asked.words))
    if asked.words and detect_language(evidence.text) != detect_language(" ".join(asked.words)):
        in_sentence = in_surroundings = WORDS_ACROSS_LANGUAGES
    total = (
        weights.evidence * evidence.score
        + weights.words * in_sentence
        + weights.near_words * in_surroundings
        + weights.names * grounder.names_not_near(evidence.article, near)
        + weights.bias
    )
    return logistic(total)
