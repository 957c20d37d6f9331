"""The shortest phrase that answers: drafted by the LLM, if need be in several ways, and found in the evidence."""

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
"""Drafts after one that is no answer: each begins with another word of the evidence."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class CandidateWeights:
    """How much counts for a phrase beside its own mean log-probability: see `score_candidate`."""

    evidence: float
    repeats: float


CANDIDATE_WEIGHTS = CandidateWeights(evidence=3.0, repeats=-4.0)
"""Chosen on questions that are not measured with; `docs/measured.md` has the figures."""


@dataclass(frozen=True)
class Phrase:
    """A draft and where it stands in the evidence."""

    draft: Candidate
    located: Located


def extract_short_answer(
    generator: LLM, prompt: Prompt, question: str, refusal: str, evidence: Sequence[Evidence]
) -> Phrase | None:
    """The LLM's phrase, as it stands in the evidence; `None` where nothing that it drafts stands there.

    A small LLM's own draft may be no answer: it writes "John Kirby" where the article has «جون كيربي», misspells a
    name, or repeats the question's own words. Then others are drafted that begin with other words of the evidence,
    side by side, and the best is taken. What has been read is not read again.
    """
    own = _found([generator.draft(prompt, PHRASE_TOKENS, refusal)], evidence)
    if own and not _repeats(question, own[0].located.text):
        return own[0]
    openings = _openings(question, evidence)
    others = _found(generator.drafts(prompt, PHRASE_TOKENS, refusal, openings, MORE_DRAFTS), evidence)
    return max(own + others, key=lambda phrase: score_candidate(phrase, question), default=None)


def _found(drafts: Sequence[Candidate], evidence: Sequence[Evidence]) -> list[Phrase]:
    """The drafts that stand in the evidence."""
    located = ((draft, locate(draft.text, evidence)) for draft in drafts)
    return [Phrase(draft, found) for draft, found in located if found]


def score_candidate(phrase: Phrase, question: str, weights: CandidateWeights = CANDIDATE_WEIGHTS) -> float:
    """What speaks for a phrase: how likely the LLM holds it to be, and how near its sentence is to the question.

    Against it: that it says nothing which the question does not. (Yet a question may name its answer, "A or B?")
    An LLM that does not tell how likely it holds its drafts to be tells of none of them.
    """
    return (
        (phrase.draft.logprob or 0.0)
        + weights.evidence * phrase.located.evidence.score
        + weights.repeats * _repeats(question, phrase.located.text)
    )


def _openings(question: str, evidence: Sequence[Evidence]) -> frozenset[str]:
    """The words of the evidence that say something which the question does not."""
    words = {word for piece in evidence for word in _WORD.findall(piece.text)}
    return frozenset(word for word in words if not _repeats(question, word))


def _repeats(question: str, phrase: str) -> bool:
    """Whether a phrase says nothing that the question does not."""
    said = content_words(phrase)
    return bool(said) and said <= content_words(question)
