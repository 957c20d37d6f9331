"""Confidence: the probability that the articles answer the question, and the threshold for answering.

With a reader it is the reader's (`qa/reader/extractive_qa.py`), adjusted by the LLM's likelihood of the phrase. Without
one it is a logistic function of the signals known once the LLM has drafted its phrase, with weights fitted by
`benchmarks/calibrate.py`; `docs/benchmarks.md` has the fitting data and the results on the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from index.retriever import Hit
from qa.evidence import Evidence, rank_sentences
from qa.llm_extraction import Phrase

THRESHOLD = 0.3
"""Answers less likely than this are declined. A higher one invents less and declines more: see `docs/reader.md`."""

_MIDPOINT, _STEEPNESS = 0.41, 20.0
"""Midpoint and steepness of the logistic curve from a sentence's cosine to its probability of answering."""

_MIN_RELATED_COSINE = 0.38
"""Minimum cosine of a sentence on the subject of the question: of questions about removed paragraphs 26 in a hundred
have such a sentence, of questions about other subjects 2."""


@dataclass(frozen=True)
class AbstentionFeatures:
    """Signals that distinguish a question that the articles answer from one that they do not.

    `refusal`: log-probability that the LLM would have refused. `phrase`: mean log-probability of its phrase's
    tokens. `sentence`: cosine of the question and the sentence that the phrase was found in.
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
"""Fitted by `benchmarks/llm_ablation.py`: docs/generation.md."""


def probability(signals: AbstentionFeatures, weights: Weights = WEIGHTS) -> float:
    """Return the probability that the articles answer a question with these signals, in [0, 1).

    Capped by the LLM's probability of not refusing: a sentence may be very near and still say something else ("the
    troops in Baghdad" for "the people of Baghdad"). The questions that the weights were fitted on have too few such
    cases.
    """
    total = weights.bias + sum(w * s for w, s in zip(weights.signals, astuple(signals), strict=True))
    return min(1 / (1 + math.exp(-total)), 1 - math.exp(signals.refusal))


def combine_confidence(
    reader_probability: float, likelihood: float | None, weights: CombinationWeights = COMBINATION_WEIGHTS
) -> float:
    """Combine the reader's probability of an answer with the LLM's likelihood of its phrase.

    `likelihood` is the mean log-probability of the phrase's tokens by the LLM, given the phrase's sentence alone: it is
    low if the two disagree. If it is `None`, `reader_probability` is returned, as without an LLM.
    """
    if likelihood is None:
        return reader_probability
    log_odds = math.log(max(reader_probability, 1e-6) / max(1 - reader_probability, 1e-6))
    total = weights.read * log_odds + weights.likelihood * likelihood + weights.bias
    return 1 / (1 + math.exp(-total))


def cosine_confidence(similarity: float) -> float:
    """Return the probability that a sentence with this cosine answers the question, without signals of an LLM."""
    return 1 / (1 + math.exp(-_STEEPNESS * (similarity - _MIDPOINT)))


def llm_confidence(hits: Sequence[Hit], phrase: Phrase) -> float:
    """Return the probability that a phrase drafted by the LLM answers the question, from all available signals."""
    features = abstention_features(hits, phrase)
    return probability(features) if features else cosine_confidence(phrase.located.evidence.similarity)


def nearest_related(question: str, hits: Sequence[Hit]) -> Evidence | None:
    """Return the sentence nearest to a declined question, if on the same subject; it may answer another question."""
    return next(
        (evidence for evidence in rank_sentences(question, hits)[:1] if evidence.similarity >= _MIN_RELATED_COSINE),
        None,
    )


def abstention_features(hits: Sequence[Hit], phrase: Phrase) -> AbstentionFeatures | None:
    """Return the signals of a phrase located in the evidence; `None` if the LLM does not report log-probabilities."""
    if phrase.draft.refusal is None or phrase.draft.logprob is None:
        return None
    return AbstentionFeatures(
        refusal=phrase.draft.refusal,
        phrase=phrase.draft.logprob,
        sentence=phrase.located.evidence.similarity,
        # Not that of the first hit: its rank depends on keywords too.
        passage=max(hit.score for hit in hits),
    )
