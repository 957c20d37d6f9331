"""Whether to answer at all: a probability that the articles answer the question, and the least that is enough.

With a reader it is the reader's (`qa/reading/answering.py`), and how likely the LLM holds the phrase to be makes it
more or less sure. Without one it is a logistic function of what is known once the LLM has written its phrase; its
weights were fitted by `benchmarks/calibrate.py`; `docs/measured.md` says on what, and how well it does on the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from index.retriever import Hit
from qa.evidence import Evidence, rank_sentences
from qa.llm_extraction import Phrase

THRESHOLD = 0.3
"""Answers less likely than this are declined. Higher invents less and declines more: `docs/reader.md` has both."""

_NEAR, _STEEPNESS = 0.41, 20.0
"""The cosine at which a sentence is as likely as not to answer, and how fast that changes around it."""

_NEIGHBOUR = 0.38
"""The cosine from which a sentence speaks of what is asked: of questions about removed paragraphs 26 in a hundred have
such a sentence, of questions about other subjects 2."""


@dataclass(frozen=True)
class AbstentionFeatures:
    """What tells a question that the articles answer from one that they do not.

    `refusal`: log-probability that the LLM would rather have refused. `phrase`: mean log-probability of its
    phrase's tokens. `sentence`: cosine of the question and the sentence that the phrase was found in.
    `passage`: cosine of the question and the nearest passage.
    """

    refusal: float
    phrase: float
    sentence: float
    passage: float


@dataclass(frozen=True)
class Weights:
    """One weight a signal, in the order of `AbstentionFeatures`, and the bias."""

    signals: tuple[float, float, float, float]
    bias: float


WEIGHTS = Weights(signals=(-0.130, 1.587, 17.485, 5.023), bias=-8.365)


@dataclass(frozen=True)
class CombinationWeights:
    """Weights of the reader's log-odds and of the phrase's likelihood by the LLM, and the bias."""

    read: float
    likelihood: float
    bias: float


COMBINATION_WEIGHTS = CombinationWeights(read=1.252, likelihood=0.767, bias=0.498)
"""Fitted by `benchmarks/llm_ablation.py`: docs/answers.md."""


def probability(signals: AbstentionFeatures, weights: Weights = WEIGHTS) -> float:
    """How likely the articles answer a question with these signals, in [0, 1).

    Never likelier than the LLM held it to be that there is an answer at all: a sentence may be as near as can be and
    still tell another thing ("the troops in Baghdad" for "the people of Baghdad"), which the questions that the
    weights were fitted on have too few of to teach.
    """
    total = weights.bias + sum(w * s for w, s in zip(weights.signals, astuple(signals), strict=True))
    return min(1 / (1 + math.exp(-total)), 1 - math.exp(signals.refusal))


def combine_confidence(
    read: float, likelihood: float | None, weights: CombinationWeights = COMBINATION_WEIGHTS
) -> float:
    """How sure an answer is that the reader holds to be right with probability `read`.

    `likelihood` is the mean log-probability of the phrase's tokens by the LLM, shown the phrase's sentence alone: where
    the two disagree, it is low. Where it is not told, the reader's word is all there is, as without an LLM.
    """
    if likelihood is None:
        return read
    odds = math.log(max(read, 1e-6) / max(1 - read, 1e-6))
    total = weights.read * odds + weights.likelihood * likelihood + weights.bias
    return 1 / (1 + math.exp(-total))


def cosine_confidence(similarity: float) -> float:
    """How likely a question is answered by a sentence with this cosine, where no LLM has said anything of it."""
    return 1 / (1 + math.exp(-_STEEPNESS * (similarity - _NEAR)))


def llm_confidence(hits: Sequence[Hit], phrase: Phrase) -> float:
    """How likely the articles answer a question with a phrase that the LLM drafted, by all that is known of it."""
    known = abstention_features(hits, phrase)
    return probability(known) if known else cosine_confidence(phrase.located.evidence.similarity)


def nearest_related(question: str, hits: Sequence[Hit]) -> Evidence | None:
    """The sentence nearest to a declined question, if it speaks of the same thing: it may answer another question."""
    return next(
        (evidence for evidence in rank_sentences(question, hits)[:1] if evidence.similarity >= _NEIGHBOUR), None
    )


def abstention_features(hits: Sequence[Hit], phrase: Phrase) -> AbstentionFeatures | None:
    """The signals of a phrase that was found in the evidence; `None` where the LLM does not tell its part of them."""
    if phrase.draft.refusal is None or phrase.draft.logprob is None:
        return None
    return AbstentionFeatures(
        refusal=phrase.draft.refusal,
        phrase=phrase.draft.logprob,
        sentence=phrase.located.evidence.similarity,
        # Not that of the first: its place is owed to its words as well.
        passage=max(hit.score for hit in hits),
    )
