"""Short-answer extraction: the LLM drafts a phrase, if necessary several, which is located in the evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from index.text.words import content_words
from qa.citations import Located, locate
from qa.evidence import Evidence
from qa.llm.base import LLM, Candidate, Prompt

PHRASE_TOKENS = 32
MORE_DRAFTS = 4
"""Drafts after a failed one: each begins with another word of the evidence."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class CandidateWeights:
    """Weights of a phrase's signals beside its own mean log-probability: see `score_candidate`."""

    evidence: float
    repeats: float


CANDIDATE_WEIGHTS = CandidateWeights(evidence=3.0, repeats=-4.0)
"""Tuned on questions that are not used for evaluation; `docs/benchmarks.md` has the figures."""


@dataclass(frozen=True)
class Phrase:
    """A draft and its location in the evidence."""

    draft: Candidate
    located: Located


def extract_short_answer(
    generator: LLM, prompt: Prompt, question: str, refusal: str, evidence: Sequence[Evidence]
) -> Phrase | None:
    """Return the LLM's phrase as located in the evidence; `None` if no draft is found there.

    A small LLM's own draft may not be an answer: it writes "John Kirby" where the article has «جون كيربي», misspells a
    name, or repeats the question's own words. Then others that begin with other words of the evidence are drafted in
    parallel, and the best is taken. The prompt is not evaluated again.
    """
    first = _locate_candidates([generator.generate_candidate(prompt, PHRASE_TOKENS, refusal)], evidence)
    if first and not _repeats_question(question, first[0].located.text):
        return first[0]
    openings = _openings(question, evidence)
    alternatives = _locate_candidates(
        generator.generate_candidates(prompt, PHRASE_TOKENS, refusal, openings, MORE_DRAFTS), evidence
    )
    return max(first + alternatives, key=lambda phrase: score_candidate(phrase, question), default=None)


def _locate_candidates(candidates: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Phrase]:
    """Return the drafts that are found in the evidence."""
    located = ((draft, locate(draft.text, evidence)) for draft in candidates)
    return [Phrase(draft, match) for draft, match in located if match]


def score_candidate(phrase: Phrase, question: str, weights: CandidateWeights = CANDIDATE_WEIGHTS) -> float:
    """Score a phrase by the LLM's log-probability and by the score of its sentence.

    A phrase that only repeats the question is penalised. (Yet a question may name its answer, "A or B?") An LLM that
    reports no log-probabilities reports none for any draft.
    """
    return (
        (phrase.draft.logprob or 0.0)
        + weights.evidence * phrase.located.evidence.score
        + weights.repeats * _repeats_question(question, phrase.located.text)
    )


def _openings(question: str, evidence: Sequence[Evidence]) -> frozenset[str]:
    """Return the words of the evidence that do not merely repeat the question."""
    words = {word for piece in evidence for word in _WORD.findall(piece.text)}
    return frozenset(word for word in words if not _repeats_question(question, word))


def _repeats_question(question: str, phrase: str) -> bool:
    """Return whether a phrase only repeats words of the question."""
    words = content_words(phrase)
    return bool(words) and words <= content_words(question)
