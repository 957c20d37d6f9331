"""Composed answers: sentences that the program writes around quotations, without the LLM.

Used where no single phrase answers: yes or no, two values compared, several items, and what the catalogue knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from qa.citations import Located


@dataclass(frozen=True)
class Statement:
    """A sentence of a composed answer, and the quotations that it rests on."""

    text: str
    quotations: tuple[Located, ...]


@dataclass(frozen=True)
class ComposedAnswer:
    """Statements in reading order; `short_answer` is a phrase of one of the quotations, if one says it all.

    `confidence` is the probability that the whole answer is right. `verdict` is set for a yes-or-no question.
    """

    statements: tuple[Statement, ...]
    confidence: float
    short_answer: str | None = None
    verdict: bool | None = None
