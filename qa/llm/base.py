"""What an LLM is to Jawab: it drafts the phrase that answers, or says how likely one is, and writes a sentence."""

from __future__ import annotations

import collections.abc
from dataclasses import dataclass
from typing import Literal, Protocol

TextStream = collections.abc.Generator[str, None, None]
"""Pieces of text as they are written; closing it stops the work."""


@dataclass(frozen=True)
class Message:
    """One message of a conversation with the LLM."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Prompt:
    """`head` is the same for every question of one language, byte for byte; `turns` are this question's."""

    head: tuple[Message, ...]
    turns: tuple[Message, ...]

    def then(self, *turns: Message) -> Prompt:
        """The prompt that goes on from this one; what the LLM has read of it is not read again."""
        return Prompt(self.head, (*self.turns, *turns))


@dataclass(frozen=True)
class Candidate:
    """A line that the LLM would write.

    `logprob` is the mean natural logarithm of the probability of its tokens; `refusal` that of the probability that
    the LLM would have begun to refuse instead. `None` where the LLM's server does not tell.
    """

    text: str
    logprob: float | None
    refusal: float | None


class LLM(Protocol):
    """An LLM that continues a conversation, greedily: the same prompt gives the same text."""

    @property
    def name(self) -> str:
        """The model's name, as the answer record gives it."""

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` costs in a prompt."""

    def prepare(self, head: tuple[Message, ...]) -> None:
        """Evaluate a head now, so that the first question does not wait for it; where that cannot be, see that the
        LLM is there."""

    def draft(self, prompt: Prompt, max_tokens: int, refusal: str) -> Candidate:
        """One line as the LLM would write it, but that it may not begin with `refusal`.

        It must commit itself, and how much it would rather have refused is told. Whether to decline is decided
        elsewhere, from more than this. An LLM that cannot be made to commit itself and refuses gives an empty line.
        """

    def drafts(
        self, prompt: Prompt, max_tokens: int, refusal: str, openings: frozenset[str], count: int
    ) -> list[Candidate]:
        """Up to `count` lines that begin with one of the words `openings`, the likeliest beginning first; none from
        an LLM that cannot be made to begin with a word."""

    def likelihood(self, prompt: Prompt, text: str) -> float | None:
        """How much the LLM would have written `text` itself: the mean log-probability of its tokens, 0 at most.

        `None` where the LLM's server does not tell.
        """

    def write(self, prompt: Prompt, max_tokens: int) -> TextStream:
        """One line of text."""
