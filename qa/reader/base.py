"""Reader interface: extractive question answering with a no-answer score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from index.articles import Span


@dataclass(frozen=True)
class Context:
    """Excerpt with the title and date (YYYY-MM-DD) of its article; "" where unknown."""

    text: str
    title: str = ""
    date: str = ""


@dataclass(frozen=True)
class ScoredSpan:
    """Candidate answer span; `score` is the sum of its start and end logits."""

    span: Span
    score: float


@dataclass(frozen=True)
class Verdict:
    """Probabilities, which sum to 1, that an excerpt says yes, no, or neither to a yes-or-no question."""

    yes: float
    no: float
    neither: float


UNJUDGED = Verdict(0.0, 0.0, 1.0)


@dataclass(frozen=True)
class ReaderOutput:
    """Output for one excerpt: candidate spans, best first (none for an excerpt without words).

    `no_answer_score` is the score of "not here", on the same scale as the spans'. `answerable` is the log-odds that the
    excerpt answers the question at all, judged by the whole of it. `items` are the spans that do not overlap, best
    first: where several answers are asked for, each may be one. `verdict` means something for yes-or-no questions
    alone: their spans are the words that decide.
    """

    spans: tuple[ScoredSpan, ...]
    no_answer_score: float
    answerable: float = 0.0
    verdict: Verdict = UNJUDGED
    items: tuple[ScoredSpan, ...] = ()

    @property
    def margin(self) -> float:
        """Score of the best span minus the no-answer score, in logits."""
        return self.spans[0].score - self.no_answer_score if self.spans else float("-inf")


class Reader(Protocol):
    """Extractive question answering over excerpts."""

    @property
    def name(self) -> str:
        """Model name in the answer record."""

    def prepare(self) -> None:
        """Load the model ahead of the first question."""

    def count_tokens(self, text: str) -> int:
        """Count the tokens of `text`."""

    def read(self, question: str, contexts: Sequence[Context]) -> list[ReaderOutput]:
        """Return one output per context, in order; spans count code points of its text as given."""
