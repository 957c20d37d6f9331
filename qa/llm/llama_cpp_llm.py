"""LLM backend: a GGUF model through llama.cpp, in this process.

One model is shared by all callers, one at a time. The fixed head of the prompt (instructions and examples) is
evaluated once for each language and its state cached, so that a question pays only for its own evidence.
"""

from __future__ import annotations

import codecs
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from index.runtime.fair_lock import FairLock
from index.runtime.memory import insufficient_memory, require_memory
from qa.errors import LLMFailed, PromptTooLong
from qa.llm.base import Candidate, Message, Prompt, TextStream
from qa.llm.chat_template import ChatTemplate
from qa.llm.llama_context import LlamaContext, LogProbs, Settings, State, memory_needed
from qa.llm.llama_library import LlamaConfiguration
from qa.llm.prompt_cache import OFFSET, PromptCacheFile

SETTINGS = Settings()
"""The head takes about 950 tokens, evidence and question 300; the rest is for long questions and branches."""
_DRAFT_TOKENS = 512
"""Maximum context tokens of all drafts together."""


class LlamaCppLLM:
    """A GGUF model, loaded on first use. Loading raises `LLMFailed` for a file that is not such a model, and
    `InsufficientMemory` if memory is too small.

    `configuration` is one that `SelfTest` has found to work: another one may crash this process. States of heads are
    stored in the folder `heads`, if given, for the next process.
    """

    host: str | None = None
    address: str | None = None

    def __init__(
        self,
        path: Path,
        configuration: LlamaConfiguration,
        threads: int | None = None,
        heads: Path | None = None,
    ) -> None:
        self.name = path.stem
        self.configuration = configuration
        self._head_cache = heads
        self.path = path
        self._threads = threads or os.cpu_count() or 2
        self._lock = FairLock()
        self._load_lock = threading.Lock()
        self._loaded: LlamaContext | None = None
        self._states: dict[tuple[Message, ...], State] = {}

    @property
    def _context(self) -> LlamaContext:
        # A question may count tokens while another thread still loads the model.
        with self._load_lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> LlamaContext:
        needed = memory_needed(self.path)
        require_memory(needed, self.path)
        try:
            return LlamaContext(self.path, self._threads, SETTINGS, self.configuration)
        except ValueError as error:
            raise LLMFailed(path=self.path) from error
        except MemoryError as error:
            raise insufficient_memory(needed, self.path) from error

    @cached_property
    def _template(self) -> ChatTemplate:
        return ChatTemplate(self._context.chat_template, self._context.special_tokens)

    @property
    def waiting(self) -> int:
        """Number of questions that wait for the LLM, including the running one."""
        return self._lock.waiting

    def count_tokens(self, text: str) -> int:
        return len(self._context.tokenize(text))

    def prepare(self, head: tuple[Message, ...]) -> None:
        with self._lock.mine():
            self._restore(head)

    def generate_candidate(self, prompt: Prompt, max_tokens: int, refusal: str) -> Candidate:
        with self._lock.mine():
            following = self._read(prompt, room=_DRAFT_TOKENS)
            refusal_token = self._context.tokenize(refusal)[0]
            allowed = np.delete(np.arange(len(following)), refusal_token)
            best = int(allowed[np.argmax(following[allowed])])
            return self._generate_lines([best], following, max_tokens, refusal_token)[0]

    def generate_candidates(
        self, prompt: Prompt, max_tokens: int, refusal: str, openings: frozenset[str], count: int
    ) -> list[Candidate]:
        with self._lock.mine():
            following = self._read(prompt, room=_DRAFT_TOKENS)
            refusal_token = self._context.tokenize(refusal)[0]
            first_tokens = {self._context.tokenize(word)[0] for word in openings} - {refusal_token}
            likeliest = sorted(first_tokens, key=lambda token: (-following[token], token))
            return self._generate_lines(likeliest[:count], following, max_tokens, refusal_token)

    def score(self, prompt: Prompt, text: str) -> float:
        with self._lock.mine():
            following = self._read(prompt, room=_DRAFT_TOKENS)
            tokens = self._context.tokenize(text)[:_DRAFT_TOKENS]
            return float(np.mean(self._context.weigh(tokens, following))) if tokens else 0.0

    def stream(self, prompt: Prompt, max_tokens: int) -> TextStream:
        with self._lock.mine():
            following = self._read(prompt, room=max_tokens)
            line = _Line()
            self._context.branch(1)
            try:
                for depth in range(max_tokens):
                    token = int(np.argmax(following))
                    text = line.add(token, float(following[token]), self._context)
                    if text:
                        yield text
                    if line.ended:
                        return
                    (following,) = self._context.step([(1, token)], depth)
            finally:
                self._context.prune(1)

    def _read(self, prompt: Prompt, room: int) -> LogProbs:
        """Evaluate a prompt, leaving `room` tokens. Raises `PromptTooLong`; it is not cut, as the question ends it."""
        tokens = self._tokens((*prompt.head, *prompt.turns), answer=True)
        if len(tokens) > SETTINGS.tokens - room:
            raise PromptTooLong(length=len(tokens), limit=SETTINGS.tokens - room)
        if not self._context.stands_at(tokens):
            self._restore(prompt.head)
        return self._context.read(tokens)

    def _generate_lines(
        self, first_tokens: Sequence[int], following: LogProbs, max_tokens: int, refusal_token: int
    ) -> list[Candidate]:
        """Generate lines that begin with `first_tokens`, each to its end, with one pass a step for all."""
        context = self._context
        lines = [_Line() for _ in first_tokens]
        for line, token in zip(lines, first_tokens, strict=True):
            line.add(token, float(following[token]), context)
        context.branch(len(lines))
        try:
            for depth in range(max_tokens - 1):
                active = [(number, line) for number, line in enumerate(lines, start=1) if not line.ended]
                if not active:
                    break
                rows = context.step([(number, line.last_token) for number, line in active], depth)
                for (_, line), log_probs in zip(active, rows, strict=True):
                    token = int(np.argmax(log_probs))
                    line.add(token, float(log_probs[token]), context)
        finally:
            context.prune(len(lines))
        return [Candidate(line.normalized_text, line.logprob, float(following[refusal_token])) for line in lines]

    def _tokens(self, messages: Sequence[Message], answer: bool) -> list[int]:
        segments = self._template.render(messages, answer)
        return [
            token for segment in segments for token in self._context.tokenize(segment.text, special=segment.template)
        ]

    def _restore(self, head: tuple[Message, ...]) -> None:
        """Restore the state after evaluating `head`.

        Always from the same state, even if the trunk already continues from it: evaluation in other parts rounds
        differently, and an answer must not depend on earlier questions or on the process.
        """
        if head not in self._states:
            self._states[head] = self._head_state(self._tokens(head, answer=False))
        self._context.load(self._states[head])
        self._states[head].release()

    def _head_state(self, tokens: Sequence[int]) -> State:
        """Return the state of a head, from the cache of an earlier process or by evaluating it."""
        settings = asdict(SETTINGS) | asdict(self.configuration)
        cache_file = PromptCacheFile.of(self._head_cache, self.path, settings, tokens) if self._head_cache else None
        if stored := _stored_state(cache_file, tokens):
            return stored
        self._context.forget()
        self._context.read(tokens)
        state = self._context.save()
        if cache_file and isinstance(state.data, bytes):
            cache_file.write(state.data)
        return _stored_state(cache_file, tokens) or state


def _stored_state(cache_file: PromptCacheFile | None, tokens: Sequence[int]) -> State | None:
    data = cache_file.read() if cache_file else None
    return State(tuple(tokens), data, OFFSET) if data else None


@dataclass
class _Line:
    """One line during generation, token by token; a token may hold half a character."""

    text: str = ""
    logprobs: list[float] = field(default_factory=list)
    last_token: int = -1
    ended: bool = False
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="ignore")
    )

    def add(self, token: int, logprob: float, context: LlamaContext) -> str:
        """Append a token; return the newly completed text. The line ends at a newline or the model's end token."""
        self.last_token = token
        if context.ends(token):
            self.ended = True
            return ""
        text, newline, _ = self._decoder.decode(context.bytes_of(token)).partition("\n")
        self.ended = bool(newline and (self.text + text).strip())
        self.logprobs.append(logprob)
        self.text += text
        return str(text)

    @property
    def normalized_text(self) -> str:
        return " ".join(self.text.split())

    @property
    def logprob(self) -> float:
        return sum(self.logprobs) / len(self.logprobs) if self.logprobs else 0.0
