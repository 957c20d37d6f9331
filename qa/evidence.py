"""Evidence selection: the best sentences of the retrieved passages, within a token budget.

Whole passages would cost the LLM four times the tokens: on two cores that is the difference between an answer
that begins in two seconds and one that begins in eight. A sentence's score is a weighted sum of three signals: the
cosine of its passage, its own cosine (in its context), and the share of the question's words in it.
`docs/benchmarks.md` has the curve of how often the answer is among the sentences, for each weighting and budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from index.articles import Article, Field, Span
from index.retriever import Hit, Sentence
from index.text.words import content_words

MAX_EVIDENCE_TOKENS = 200
"""Maximum prompt tokens for sentences. Chosen by measurement: more finds little more, and costs time to first token."""
MIN_SCORE_RATIO = 0.75
"""Minimum share of the best sentence's score for another one. If one sentence stands out, the rest only costs time
and misleads the LLM: this halves the tokens of most questions and loses 1 to 3 answers in a hundred."""
MIN_TITLE_WORDS = 2
"""Minimum words that a title shares with the question to be read."""
PER_SENTENCE = 5
"""Tokens of a sentence's dash and line end."""


@dataclass(frozen=True)
class EvidenceWeights:
    """Weights of the signals in a sentence's score."""

    passage: float
    sentence: float
    words: float


EVIDENCE_WEIGHTS = EvidenceWeights(passage=0.4, sentence=0.4, words=0.2)


@dataclass(frozen=True)
class Evidence:
    """A sentence or title: `text` is its words on one line, `span` their position in the `field` of `article`.

    `similarity` is the sentence's own cosine with the question, `score` the weighted sum that evidence is ranked by.
    """

    article: Article
    span: Span
    text: str
    similarity: float
    score: float
    field: Field = "text"

    def cut(self, span: Span) -> str:
        """Return a stretch of the field, word for word."""
        return self.article.field(self.field)[span.start : span.end]


def select_evidence(
    question: str,
    hits: Sequence[Hit],
    count_tokens: Callable[[str], int],
    budget: int,
    weights: EvidenceWeights = EVIDENCE_WEIGHTS,
    min_score_ratio: float = MIN_SCORE_RATIO,
) -> list[Evidence]:
    """Return the best sentences of `hits` that fit into `budget` tokens, best first; at least one if there is any."""
    ranked = rank_sentences(question, hits, weights)
    chosen: list[Evidence] = []
    seen: set[str] = set()
    remaining = budget
    for evidence in ranked:
        if chosen and evidence.score < min_score_ratio * chosen[0].score:
            break
        # Copies of a wire story have identical sentences: one is enough.
        if evidence.text in seen:
            continue
        cost = count_tokens(evidence.text) + PER_SENTENCE
        if not chosen or cost <= remaining:
            chosen.append(evidence)
            seen.add(evidence.text)
            remaining -= cost
    return chosen


def rank_sentences(question: str, hits: Sequence[Hit], weights: EvidenceWeights = EVIDENCE_WEIGHTS) -> list[Evidence]:
    """Return all sentences of `hits`, the likeliest to answer first."""
    question_words = content_words(question)
    candidates = (_evidence(hit, sentence, question_words, weights) for hit in hits for sentence in hit.sentences)
    return sorted(candidates, key=lambda evidence: -evidence.score)


def rank_titles(question: str, hits: Sequence[Hit], weights: EvidenceWeights = EVIDENCE_WEIGHTS) -> list[Evidence]:
    """Return the titles of the articles found that share words with the question, the likeliest to answer first.

    A title has no vector of its own: that of its best passage, which was embedded with it, stands for it.
    """
    question_words = content_words(question)
    best = {hit.article.id: hit for hit in sorted(hits, key=lambda hit: hit.score)}
    titles = []
    for hit in best.values():
        article, shared = hit.article, len(question_words & content_words(hit.article.title))
        # A title that was taken from the text is read there.
        if shared >= MIN_TITLE_WORDS and article.title not in article.text:
            score = (weights.passage + weights.sentence) * hit.score + weights.words * shared / len(question_words)
            text = " ".join(article.title.split())
            titles.append(Evidence(article, Span(0, len(article.title)), text, hit.score, score, "title"))
    return sorted(titles, key=lambda evidence: -evidence.score)


def _evidence(hit: Hit, sentence: Sentence, question_words: frozenset[str], weights: EvidenceWeights) -> Evidence:
    shared = len(question_words & content_words(sentence.text)) / len(question_words) if question_words else 0.0
    score = weights.passage * hit.score + weights.sentence * sentence.score + weights.words * shared
    return Evidence(hit.article, sentence.span, " ".join(sentence.text.split()), sentence.score, score)
