"""The LLM: messages in, pieces of text out, each with how likely the LLM held it to be.

One `Llama` object is shared by all who ask, one at a time: two requests at once on it crash. The fixed head of
the prompt (instructions and examples) is evaluated once for each language and its state kept, so that a
question pays only for its own evidence.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from qa.errors import GeneratorFailed
from qa.llama import KeptState, State, Template
from qa.turns import Turns

if TYPE_CHECKING:
    from llama_cpp import Llama

CONTEXT_TOKENS = 4096
"""The head takes about 950, evidence and question 300; the rest is room for long questions."""

# What decides how the model's memory is laid out, so that a state kept under other values is never put back.
# Flash attention gives 12 % more prompt tokens a second on two cores.
_CONTEXT: dict[str, Any] = {"n_ctx": CONTEXT_TOKENS, "flash_attn": True}


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
class Opening:
    """How an answer must begin: with one of `words`, the one that the LLM finds `rank`-th likeliest (0 is first)."""

    words: frozenset[str]
    rank: int


@dataclass(frozen=True)
class Piece:
    """A piece of the LLM's text. `logprob` is the natural logarithm of the probability it was given.

    `refusal`, on the first piece only, is that of the text which the LLM was not allowed to begin with.
    """

    text: str
    logprob: float
    refusal: float | None = None


class Line:
    """One line of what an LLM writes: iterate for its pieces as they come; `text` is what has come so far.

    The LLM is stopped at the end of the line, or when the iteration is given up.
    """

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = pieces
        self._written: list[str] = []
        self.logprobs: list[float] = []
        self.refusal: float | None = None

    @property
    def text(self) -> str:
        return " ".join("".join(self._written).split())

    def __iter__(self) -> Iterator[str]:
        try:
            for piece in self._pieces:
                self.refusal = piece.refusal if self.refusal is None else self.refusal
                text, end, _ = piece.text.partition("\n")
                if end and self.text:
                    return
                self.logprobs.append(piece.logprob)
                if text:
                    self._written.append(text)
                    yield text
        finally:
            self.close()

    def read(self) -> Line:
        """This line, whole."""
        for _ in self:
            pass
        return self

    def close(self) -> None:
        """Stop the LLM."""
        close = getattr(self._pieces, "close", None)
        if close:
            close()


class Generator(Protocol):
    """An LLM that continues a conversation, greedily: the same prompt gives the same text."""

    @property
    def name(self) -> str:
        """The model's name, as the answer record gives it."""

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` costs in a prompt."""

    def prepare(self, head: tuple[Message, ...]) -> None:
        """Evaluate a head now, so that the first question does not wait for it."""

    def generate(
        self, prompt: Prompt, max_tokens: int, refusal: str | None = None, opening: Opening | None = None
    ) -> Iterator[Piece]:
        """The answer, piece by piece; closing the iterator stops the work.

        The LLM may not begin with `refusal`: it must commit itself, and how much it would rather have refused is
        told on the first piece. Whether to decline is decided elsewhere, from more than this. With an `opening`
        it must begin as that says; there is no piece where it cannot.
        """


class LlamaGenerator:
    """A GGUF model through llama.cpp, in this process. It is loaded when it is first needed.

    What the model remembers of a head is kept in the folder `heads`, if there is one, for the next process.

    Then a file that is no such model raises `GeneratorFailed`.
    """

    def __init__(self, path: Path, threads: int | None = None, heads: Path | None = None) -> None:
        self.name = path.stem
        self._heads = heads
        self._path = path
        self._threads = threads or os.cpu_count() or 2
        self._turns = Turns()
        self._states: dict[tuple[Message, ...], State] = {}

    @cached_property
    def _llama(self) -> Llama:
        import llama_cpp

        try:
            return llama_cpp.Llama(
                str(self._path),
                n_threads=self._threads,
                n_threads_batch=self._threads,
                verbose=False,
                **_CONTEXT,
            )
        except ValueError as error:  # its word for a file that it cannot read
            raise GeneratorFailed(path=self._path) from error

    @cached_property
    def _template(self) -> Template:
        return Template(self._llama)

    @property
    def waiting(self) -> int:
        """How many questions stand in line for the LLM, the one at work among them."""
        return self._turns.waiting

    def count_tokens(self, text: str) -> int:
        return len(self._llama.tokenize(text.encode(), add_bos=False))

    def prepare(self, head: tuple[Message, ...]) -> None:
        with self._turns.mine():
            self._restore(head)

    def generate(
        self, prompt: Prompt, max_tokens: int, refusal: str | None = None, opening: Opening | None = None
    ) -> Iterator[Piece]:
        with self._turns.mine():
            self._restore(prompt.head)
            tokens = self._tokens(self._template.render((*prompt.head, *prompt.turns), answer=True))
            refused = self._llama.tokenize(refusal.encode(), add_bos=False)[0] if refusal else None
            allowed = self._openings(opening) if opening else None
            if opening and allowed is not None and len(allowed) <= opening.rank:
                return
            # A character may be split over two tokens; it is passed on when it is whole.
            decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
            first = _FirstToken(refused, allowed, opening.rank if opening else 0)
            kept = tokens[: CONTEXT_TOKENS - max_tokens]
            for number, token in enumerate(self._llama.generate(kept, temp=0.0, logits_processor=[first])):
                if number == max_tokens or self._template.ends(token):
                    return
                logprobs = self._logprobs()
                text = decoder.decode(self._llama.detokenize([token]))
                told = refused is not None and not number
                yield Piece(text, float(logprobs[token]), float(logprobs[refused]) if told else None)

    def _openings(self, opening: Opening) -> npt.NDArray[np.intp]:
        """The tokens that begin one of the words of `opening`."""
        beginnings = {word[:length] for word in opening.words for length in range(1, len(word) + 1)}
        found = {self._vocabulary.get(space + beginning) for beginning in beginnings for space in ("", " ")}
        return np.array(sorted(token for token in found if token is not None), dtype=np.intp)

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        """Token by text, of the tokens that are whole characters."""
        texts = (self._llama.detokenize([token]) for token in range(self._llama.n_vocab()))
        return {text.decode("utf-8", "ignore"): token for token, text in enumerate(texts)}

    def _tokens(self, text: str) -> list[int]:
        return list(self._llama.tokenize(text.encode(), add_bos=False, special=True))

    def _logprobs(self) -> npt.NDArray[np.float64]:
        """Log-probabilities of the whole vocabulary after the last evaluated token."""
        import llama_cpp

        logits = llama_cpp.llama_get_logits_ith(self._llama.ctx, -1)
        values = np.ctypeslib.as_array(logits, shape=(self._llama.n_vocab(),)).astype(np.float64)
        values -= values.max()
        shifted: npt.NDArray[np.float64] = values - np.log(np.exp(values).sum())
        return shifted

    def _restore(self, head: tuple[Message, ...]) -> None:
        """Put the model where it stands after reading `head`; llama-cpp-python then finds the shared prefix."""
        tokens = self._tokens(self._template.render(head, answer=False))
        if list(self._llama.input_ids[: len(tokens)]) == tokens and self._llama.n_tokens >= len(tokens):
            return
        if head not in self._states:
            self._states[head] = self._read_head(tokens)
        self._states[head].load(self._llama)

    def _read_head(self, tokens: list[int]) -> State:
        """What the model remembers of a head: from an earlier process, or by evaluating it."""
        kept = KeptState.of(self._heads, self._path, _CONTEXT, tokens) if self._heads else None
        data = kept.read() if kept else None
        if data is not None:
            return State(tokens, data)
        self._llama.reset()
        self._llama.eval(tokens)
        state = State.of(self._llama, tokens)
        if kept:
            kept.write(state.data)
        return state


class _FirstToken:
    """Rules for the first token of an answer, as llama-cpp-python asks for them; the rest is free."""

    def __init__(self, refused: int | None, allowed: npt.NDArray[np.intp] | None, rank: int) -> None:
        self._refused, self._allowed, self._rank = refused, allowed, rank
        self._begun = False

    def __call__(self, read: npt.NDArray[np.intc], scores: npt.NDArray[np.single]) -> npt.NDArray[np.single]:
        if self._begun:
            return scores
        self._begun = True
        if self._refused is not None:
            scores[self._refused] = -np.inf
        if self._allowed is not None:
            ranked = self._allowed[np.argsort(-scores[self._allowed])]
            scores[np.arange(len(scores)) != ranked[self._rank]] = -np.inf
        return scores
