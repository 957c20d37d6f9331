"""Answers that take sentences: which of the articles' own sentences make one, and in what order they are read.

"Summarise", "compare" and "list", and also "why" and "how" are answered by the sentences that matter themselves, each
with its quotation: nothing can be invented in between. They stay in their article's language. Retold in the asker's by
the LLM that everybody can have, 46 manuscripts became 46 minerals, and no checker that we have would have noticed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.retriever import Hit
from index.text.words import content_words
from qa.evidence import Evidence, EvidenceWeights, rank_sentences

MOST = 5
"""Sentences of an answer."""
MOST_REASONS = 3
"""Sentences that say why or how. What goes on from the phrase says more of it than what is nearest to the question."""
_MIX = EvidenceWeights(passage=0.2, sentence=0.6, words=0.2)
"""More of the sentence's own nearness than where one phrase is looked for. On the tuning half of
`benchmarks/sets/whole-answers.jsonl` the two differ by chance only."""
_NEAR_THE_BEST = 0.6
_SAME = 0.8
"""Share of its words that a sentence has in common with one that was chosen, from which it says nothing new."""
_CONNECTIVE = re.compile(r"^(?:However|But|And|So|Moreover|Also|Then|Yet),?\s+(?=\S)")
_ENDS = ".!?؟…»”\"'"
_HEADING = 12
"""Words that a line without a full stop may have, to be taken for a heading."""


def select_sentences(question: str, hits: Sequence[Hit], most: int = MOST) -> list[Evidence]:
    """Up to `most` sentences that answer together, in the order in which they are to be read."""
    chosen: list[Evidence] = []
    for evidence in rank_sentences(question, hits, _MIX):
        if len(chosen) == most or (chosen and evidence.score < _NEAR_THE_BEST * chosen[0].score):
            break
        if _is_sentence(evidence) and not any(_says_nothing_new(evidence, other) for other in chosen):
            chosen.append(evidence)
    return in_reading_order(chosen)


def expand_explanation(phrase: Evidence, hits: Sequence[Hit]) -> list[Evidence]:
    """The sentence that says why or how, and those that go on from it, as far as they were found."""
    found = {
        evidence.span.start: evidence
        for evidence in rank_sentences("", hits)
        if evidence.article.id == phrase.article.id
    }
    following = sorted(start for start in found if start >= phrase.span.end)
    return [phrase, *(found[start] for start in following[: MOST_REASONS - 1])]


def strip_connective(evidence: Evidence) -> str:
    """The sentence as it is said in an answer: without the word that tied it to the one before."""
    rest = _CONNECTIVE.sub("", evidence.text)
    return rest[:1].upper() + rest[1:]


def in_reading_order(chosen: Sequence[Evidence]) -> list[Evidence]:
    """Article by article, that of the best sentence first; within an article as it stands there."""
    articles = list(dict.fromkeys(evidence.article.id for evidence in chosen))
    return sorted(chosen, key=lambda evidence: (articles.index(evidence.article.id), evidence.span.start))


def _is_sentence(evidence: Evidence) -> bool:
    """Whether it is more than a title or another line that heads something."""
    text = evidence.text.strip()
    return text != evidence.article.title.strip() and (text[-1:] in _ENDS or len(text.split()) > _HEADING)


def _says_nothing_new(one: Evidence, other: Evidence) -> bool:
    words = content_words(one.text)
    return len(words & content_words(other.text)) >= _SAME * len(words)
