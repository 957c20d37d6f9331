"""LLM protocol: generates candidate phrases, scores a phrase, and streams a sentence."""

from __future__ import annotations

import collections.abc
from dataclasses import dataclass
from typing import Literal, Protocol

TextStream = collections.abc.Generator[str, None, None]
"""Streamed pieces of text; closing it stops generation."""


@dataclass(frozen=True)
class Message:
    """One message of a conversation with the LLM."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Prompt:
    """A prompt: `head` is byte for byte the same for every question of one language; `turns` are this question's."""

    head: tuple[Message, ...]
    turns: tuple[Message, ...]

    def then(self, *turns: Message) -> Prompt:
        """Return this prompt with `turns` appended; the part already evaluated is not evaluated again."""
        return Prompt(self.head, (*self.turns, *turns))


@dataclass(frozen=True)
class Candidate:
    """A candidate line from the LLM.

    `logprob` is the mean natural logarithm of the probability of its tokens; `refusal` that of the probability that
    the LLM would have begun to refuse instead. `None` if the LLM's server does not report it.
    """

    text: str
    logprob: float | None
    refusal: float | None


@dataclass(frozen=True)
class ChatTimeouts:
    """Maximum seconds for a server with OpenAI's chat API: its silence before a piece of a response, and a response.

    The first piece waits for the evaluation of the whole prompt and, if the server is busy, in its queue. The limit of
    a response is for a server that sends keep-alives and nothing else.
    """

    silence: float = 120.0
    response: float = 300.0


class LLM(Protocol):
    """An LLM that continues a conversation, greedily: the same prompt gives the same text."""

    @property
    def name(self) -> str:
        """The model's name for the answer record."""

    @property
    def host(self) -> str | None:
        """The host of the LLM's server; `None` if the LLM runs in this process."""

    @property
    def address(self) -> str | None:
        """The URL of the LLM's server; `None` if the LLM runs in this process."""

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text` in a prompt."""

    def prepare(self, head: tuple[Message, ...]) -> None:
        """Evaluate a head in advance, so that the first question does not wait for it; a backend that cannot do so
        checks that the LLM is available."""

    def generate_candidate(self, prompt: Prompt, max_tokens: int, refusal: str) -> Candidate:
        """Return the LLM's greedy line, constrained not to begin with `refusal`.

        The probability of a refusal is reported with it; the decision to decline is made elsewhere, from more than
        this. An LLM that cannot be constrained and refuses returns an empty line.
        """

    def generate_candidates(
        self, prompt: Prompt, max_tokens: int, refusal: str, openings: frozenset[str], count: int
    ) -> list[Candidate]:
        """Return up to `count` lines that begin with one of the words `openings`, the likeliest beginning first.

        An LLM that cannot be constrained to begin with a word returns none.
        """

    def score(self, prompt: Prompt, text: str) -> float | None:
        """Return the mean log-probability of the tokens of `text` after `prompt`, 0 at most.

        `None` if the LLM's server does not report it.
        """

    def stream(self, prompt: Prompt, max_tokens: int) -> TextStream:
        """Stream one line of text."""
