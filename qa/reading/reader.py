"""Interface of readers: where in an excerpt of an article the answer stands, or that it does not stand there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from index.articles import Span


@dataclass(frozen=True)
class Context:
    """An excerpt to be read. Title and date (YYYY-MM-DD) of its article tell whose it is; "" where they are unknown."""

    text: str
    title: str = ""
    date: str = ""


@dataclass(frozen=True)
class ScoredSpan:
    """A stretch of an excerpt that may be the answer; `score` is its start's and its end's logit together."""

    span: Span
    score: float


@dataclass(frozen=True)
class Reading:
    """What a reader makes of one excerpt: the best spans, best first (none for an excerpt without words).

    `none` is the score of "not here", on the same scale as the spans'. `answerable` is the log-odds that the excerpt
    answers the question at all, judged by the whole of it.
    """

    spans: tuple[ScoredSpan, ...]
    none: float
    answerable: float = 0.0

    @property
    def margin(self) -> float:
        """How much better the best span is than "not here", in logits."""
        return self.spans[0].score - self.none if self.spans else float("-inf")


class Reader(Protocol):
    """Reads a question and excerpts together."""

    @property
    def name(self) -> str:
        """The model's name, as the answer record gives it."""

    def prepare(self) -> None:
        """Load what is needed, so that the first question need not wait for it."""

    def count_tokens(self, text: str) -> int:
        """How many tokens it costs to read `text`."""

    def read(self, question: str, contexts: Sequence[Context]) -> list[Reading]:
        """One `Reading` a context, in order; spans count code points of its text as given."""
