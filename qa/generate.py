"""The LLM: messages in, pieces of text out, each with how likely the LLM held it to be.

One `Llama` object is shared by all who ask, one at a time: two requests at once on it crash. The fixed head of
the prompt (instructions and examples) is evaluated once for each language and its state kept, so that a
question pays only for its own evidence.
"""

from __future__ import annotations

import codecs
import ctypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from qa.errors import GeneratorFailed
from qa.turns import Turns

if TYPE_CHECKING:
    from llama_cpp import Llama

CONTEXT_TOKENS = 4096
"""Head, evidence and question take under 1,000; the rest is room for long questions."""


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

    def generate(self, prompt: Prompt, max_tokens: int, refusal: str | None = None) -> Iterator[Piece]:
        """The answer, piece by piece; closing the iterator stops the work.

        The LLM may not begin with `refusal`: it must commit itself, and how much it would rather have refused is
        told on the first piece. Whether to decline is decided elsewhere, from more than this.
        """


class LlamaGenerator:
    """A GGUF model through llama.cpp, in this process. It is loaded when it is first needed.

    Then a file that is no such model raises `GeneratorFailed`.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self.name = path.stem
        self._path = path
        self._threads = threads or os.cpu_count() or 2
        self._turns = Turns()
        self._states: dict[tuple[Message, ...], _State] = {}

    @cached_property
    def _llama(self) -> Llama:
        import llama_cpp

        try:
            return llama_cpp.Llama(
                str(self._path),
                n_ctx=CONTEXT_TOKENS,
                n_threads=self._threads,
                n_threads_batch=self._threads,
                verbose=False,
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

    def generate(self, prompt: Prompt, max_tokens: int, refusal: str | None = None) -> Iterator[Piece]:
        with self._turns.mine():
            self._restore(prompt.head)
            tokens = self._tokens(self._template.render((*prompt.head, *prompt.turns), answer=True))
            refused = self._llama.tokenize(refusal.encode(), add_bos=False)[0] if refusal else None
            # A character may be split over two tokens; it is passed on when it is whole.
            decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")
            for number, token in enumerate(self._sample(tokens[: CONTEXT_TOKENS - max_tokens], refused)):
                if number == max_tokens or self._template.ends(token):
                    return
                logprobs = self._logprobs()
                text = decoder.decode(self._llama.detokenize([token]))
                first = refused is not None and not number
                yield Piece(text, float(logprobs[token]), float(logprobs[refused]) if first else None)

    def _sample(self, tokens: list[int], refused: int | None) -> Iterator[int]:
        """Greedy tokens after `tokens`; the first is not `refused`."""
        prompt_length = len(tokens)

        def forbid(read: npt.NDArray[np.intc], scores: npt.NDArray[np.single]) -> npt.NDArray[np.single]:
            if refused is not None and len(read) == prompt_length:
                scores[refused] = -np.inf
            return scores

        yield from self._llama.generate(tokens, temp=0.0, logits_processor=[forbid])

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
        if head in self._states:
            self._states[head].load(self._llama)
            return
        self._llama.reset()
        self._llama.eval(tokens)
        self._states[head] = _State.of(self._llama, tokens)


@dataclass(frozen=True)
class _State:
    """What llama.cpp remembers of a head (about 30 kB a token), so that languages may alternate at no cost."""

    tokens: list[int]
    data: bytes

    @classmethod
    def of(cls, llama: Llama, tokens: list[int]) -> _State:
        import llama_cpp

        size = llama_cpp.llama_state_seq_get_size(llama.ctx, 0)
        buffer = (ctypes.c_uint8 * size)()
        written = llama_cpp.llama_state_seq_get_data(llama.ctx, buffer, size, 0)
        return cls(tokens, bytes(buffer[:written]))

    def load(self, llama: Llama) -> None:
        import llama_cpp

        llama.reset()
        buffer = (ctypes.c_uint8 * len(self.data)).from_buffer_copy(self.data)
        llama_cpp.llama_state_seq_set_data(llama.ctx, buffer, len(self.data), 0)
        llama.input_ids[: len(self.tokens)] = self.tokens
        llama.n_tokens = len(self.tokens)


class Template:
    """The model's own chat template, as its file carries it, and the tokens that end an answer."""

    def __init__(self, llama: Llama) -> None:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        self._llama = llama
        source = llama.metadata.get("tokenizer.chat_template", _CHATML)
        text = {name: self._text(token) for name, token in (("bos", llama.token_bos()), ("eos", llama.token_eos()))}
        self._render = {
            answer: Jinja2ChatFormatter(source, text["eos"], text["bos"], add_generation_prompt=answer)
            for answer in (True, False)
        }

    def render(self, messages: Sequence[Message], answer: bool) -> str:
        """The prompt text; with `answer`, up to where the assistant begins to speak."""
        plain = [{"role": message.role, "content": message.content} for message in messages]
        return str(self._render[answer](messages=plain).prompt)

    def ends(self, token: int) -> bool:
        """Whether `token` ends an answer."""
        import llama_cpp

        vocabulary = llama_cpp.llama_model_get_vocab(self._llama.model)
        return bool(llama_cpp.llama_vocab_is_eog(vocabulary, token))

    def _text(self, token: int) -> str:
        return self._llama.detokenize([token], special=True).decode("utf-8", "ignore") if token >= 0 else ""


# For the rare file that has no template of its own: the form that most small models were tuned with.
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
