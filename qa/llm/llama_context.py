"""llama.cpp context: one text that is evaluated once, and several continuations generated in parallel.

The high-level class of llama-cpp-python generates one text at a time, so this calls the functions of `llama.h` that the
package binds. In parallel, five texts cost two thirds of what they cost one after the other (two cores).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.runtime.priority_executor import Priority, PriorityExecutor
from qa.cancellation import Cancelled, check_cancelled, current_token
from qa.llm.llama_library import LlamaConfiguration, load_library

_CHUNK_TOKENS = 64
"""Tokens evaluated in one pass. More are hardly faster (512: 3 %), and different rounding changes the scores."""
_CONTEXT_BYTES = 300_000_000
"""Default model: 120 MB of keys and values, 40 MB of buffers; the rest is reserve for a larger model."""
_ABORTED = 2
"""Return code of `llama_decode` when it was aborted."""
TRUNK = 0
"""Sequence of the evaluated text; branches continue from it."""

LogProbs = npt.NDArray[np.float64]
"""Natural logarithm of each vocabulary token's probability of being the next; shape (vocabulary,)."""


@dataclass(frozen=True)
class Settings:
    """Memory layout of the context: a state saved under other values cannot be loaded.

    Flash attention gives 12 % more prompt tokens a second on two cores.
    """

    tokens: int = 4096
    branches: int = 8
    flash_attention: bool = True


@dataclass(frozen=True)
class State:
    """llama.cpp's state after some tokens (about 30 kB each), in memory or mapped from a file."""

    tokens: tuple[int, ...]
    data: bytes | mmap.mmap
    offset: int = 0

    def release(self) -> None:
        """Release the memory of a mapped state; it is read from its file again when next needed."""
        if isinstance(self.data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self.data.madvise(mmap.MADV_DONTNEED)


def memory_needed(path: Path) -> int:
    """Return the bytes of memory that a model takes: its weights, which are mapped, and a context of `Settings`."""
    parts = path.parent.glob(path.name.replace("-00001-of-", "-*-of-"))
    return sum(part.stat().st_size for part in parts) + _CONTEXT_BYTES


class LlamaContext:
    """A GGUF model and its context. Any thread may use it, but no two at a time.

    Raises `ValueError` for a file that llama.cpp cannot read, and `MemoryError` if memory is too small.
    """

    def __init__(self, path: Path, threads: int, settings: Settings, configuration: LlamaConfiguration) -> None:
        llama_cpp = load_library(configuration.backend)
        self._lib: Any = llama_cpp
        self._thread = PriorityExecutor("jawab-llm")
        self._settings = settings
        self._model = llama_cpp.llama_model_load_from_file(bytes(path), self._model_parameters(configuration))
        if not self._model:
            raise ValueError(path)
        weakref.finalize(self, llama_cpp.llama_model_free, self._model)
        self._context = llama_cpp.llama_init_from_model(self._model, self._parameters(threads))
        if not self._context:
            raise MemoryError(path)
        weakref.finalize(self, llama_cpp.llama_free, self._context)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._batch_size = int(llama_cpp.llama_n_batch(self._context))
        self._batch = llama_cpp.llama_batch_init(self._batch_size, 0, 1)
        weakref.finalize(self, llama_cpp.llama_batch_free, self._batch)
        self._should_abort = llama_cpp.ggml_abort_callback(ctypes.cast(_strlen(), ctypes.c_void_p).value)
        self._trunk: tuple[int, ...] = ()
        self._next_log_probs: LogProbs | None = None

    def _model_parameters(self, configuration: LlamaConfiguration) -> Any:
        parameters = self._lib.llama_model_default_params()
        parameters.use_extra_bufts = configuration.extra_buffers
        return parameters

    def _parameters(self, threads: int) -> Any:
        parameters = self._lib.llama_context_default_params()
        parameters.n_ctx = self._settings.tokens
        parameters.n_batch = parameters.n_ubatch = 512
        parameters.n_seq_max = self._settings.branches + 1
        # One memory for all sequences: what a branch shares with the trunk is stored once.
        parameters.kv_unified = True
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.flash_attn_type = int(self._settings.flash_attention)
        return parameters

    @property
    def vocabulary_size(self) -> int:
        return int(self._lib.llama_vocab_n_tokens(self._vocab))

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        """Tokenize `text`; with `special`, marks such as `<|im_start|>` are parsed as special tokens."""
        data = text.encode()
        # Every token is at least one byte.
        tokens = (self._lib.llama_token * max(1, len(data)))()
        count = self._lib.llama_tokenize(self._vocab, data, len(data), tokens, len(tokens), False, special)
        return list(tokens[:count])

    def bytes_of(self, token: int, special: bool = False) -> bytes:
        """Return the bytes of a token: UTF-8, but a character may be split over two tokens."""
        buffer = ctypes.create_string_buffer(128)
        length = self._lib.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, special)
        return buffer.raw[: max(0, length)]

    def ends(self, token: int) -> bool:
        """Return whether `token` ends an answer."""
        return bool(self._lib.llama_vocab_is_eog(self._vocab, token))

    @property
    def chat_template(self) -> str | None:
        """The Jinja template in the file, if it has one."""
        template = self._lib.llama_model_chat_template(self._model, None)
        return template.decode("utf-8") if template else None

    @property
    def special_tokens(self) -> dict[str, str]:
        """Special tokens that a chat template may use: beginning and end of a text."""
        tokens = {
            "bos_token": self._lib.llama_vocab_bos(self._vocab),
            "eos_token": self._lib.llama_vocab_eos(self._vocab),
        }
        return {
            name: self.bytes_of(token, special=True).decode("utf-8", "ignore") if token >= 0 else ""
            for name, token in tokens.items()
        }

    def read(self, tokens: Sequence[int]) -> LogProbs:
        """Make `tokens` the trunk; a prefix shared with the previous one is not evaluated again. Raises `Cancelled`."""
        target = tuple(tokens)
        if self._next_log_probs is not None and self.stands_at(target):
            return self._next_log_probs
        # The last token is always evaluated: the next token's probabilities come from it.
        shared = min(_common_prefix_length(self._trunk, target), len(target) - 1)
        if not self._lib.llama_memory_seq_rm(self._memory, TRUNK, shared, -1):
            # A network with another kind of memory cannot remove a part.
            self._lib.llama_memory_clear(self._memory, True)
            shared = 0
        self._trunk, self._next_log_probs = target[:shared], None
        for start in range(shared, len(target), _CHUNK_TOKENS):
            chunk = target[start : start + _CHUNK_TOKENS]
            self._decode([(TRUNK, start + i, token) for i, token in enumerate(chunk)], last_only=True)
            self._trunk += chunk
        self._next_log_probs = self._log_probs(-1)
        return self._next_log_probs

    def branch(self, count: int) -> None:
        """Start the sequences 1 to `count` as copies of the trunk."""
        for sequence in range(1, count + 1):
            self._lib.llama_memory_seq_cp(self._memory, TRUNK, sequence, -1, -1)

    def step(self, tokens: Sequence[tuple[int, int]], depth: int) -> list[LogProbs]:
        """Append one (sequence, token) each to some branches, which are `depth` tokens longer than the trunk."""
        position = len(self._trunk) + depth
        self._decode([(sequence, position, token) for sequence, token in tokens], last_only=False)
        return [self._log_probs(i) for i in range(len(tokens))]

    def weigh(self, tokens: Sequence[int], following: LogProbs) -> list[float]:
        """Return the log-probability of each of `tokens` as a continuation of the trunk, whose next is `following`."""
        if len(tokens) == 1:
            return [float(following[tokens[0]])]
        self.branch(1)
        try:
            start = len(self._trunk)
            self._decode([(1, start + i, token) for i, token in enumerate(tokens[:-1])], last_only=False)
            rows = [following, *(self._log_probs(i) for i in range(len(tokens) - 1))]
            return [float(row[token]) for row, token in zip(rows, tokens, strict=True)]
        finally:
            self.prune(1)

    def prune(self, count: int) -> None:
        """Remove the branches 1 to `count`."""
        for sequence in range(1, count + 1):
            self._lib.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def save(self) -> State:
        """Return the state of the trunk."""
        size = self._lib.llama_state_seq_get_size(self._context, TRUNK)
        buffer = (ctypes.c_uint8 * size)()
        written = self._lib.llama_state_seq_get_data(self._context, buffer, size, TRUNK)
        return State(self._trunk, bytes(memoryview(buffer)[:written]))

    def load(self, state: State) -> None:
        """Restore a state as the trunk."""
        self.forget()
        data = np.frombuffer(state.data, dtype=np.uint8, offset=state.offset)
        pointer = data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        bytes_read = self._lib.llama_state_seq_set_data(self._context, pointer, len(data), TRUNK)
        # If loading fails, the trunk is empty and the next `read` evaluates it.
        self._trunk = state.tokens if bytes_read else ()

    def forget(self) -> None:
        """Clear the context."""
        self._lib.llama_memory_clear(self._memory, True)
        self._trunk, self._next_log_probs = (), None

    def stands_at(self, tokens: Sequence[int]) -> bool:
        """Return whether the trunk is `tokens` and its next-token probabilities are known."""
        return self._trunk == tuple(tokens) and self._next_log_probs is not None

    def _decode(self, items: Sequence[tuple[int, int, int]], last_only: bool) -> None:
        """Evaluate (sequence, position, token)s in one pass. Raises `Cancelled`, leaving the state unchanged."""
        check_cancelled()
        batch = self._batch
        batch.n_tokens = len(items)
        for i, (sequence, position, token) in enumerate(items):
            batch.token[i], batch.pos[i] = token, position
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
            batch.logits[i] = not last_only or i == len(items) - 1
        # Polled at every node of the network, so in C: a Python callback would take the interpreter lock each time.
        # The callback returns the flag's length: 0 (continue) or 1 (abort).
        flag = current_token().flag
        self._lib.llama_set_abort_callback(self._context, self._should_abort, ctypes.addressof(flag))
        code = self._thread.do(lambda: self._lib.llama_decode(self._context, batch), Priority.READING)
        if code == _ABORTED:
            for sequence, position, _ in items:
                self._lib.llama_memory_seq_rm(self._memory, sequence, position, -1)
            raise Cancelled
        if code:
            raise RuntimeError(f"llama_decode: {code}")

    def _log_probs(self, index: int) -> LogProbs:
        logits = self._lib.llama_get_logits_ith(self._context, index)
        values = np.ctypeslib.as_array(logits, shape=(self.vocabulary_size,)).astype(np.float64)
        values -= values.max()
        log_probs: LogProbs = values - np.log(np.exp(values).sum())
        return log_probs


def _strlen() -> Any:
    """Return the C library's `strlen`."""
    return (ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)).strlen


def _common_prefix_length(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the length of the common prefix of two token sequences."""
    for i, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return i
    return min(len(first), len(second))
