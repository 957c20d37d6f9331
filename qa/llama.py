"""What llama.cpp needs around it: the model's own chat template, and its memory of a prompt, kept and put back."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from llama_cpp import Llama

_DIGEST_SIZE = 32


class Spoken(Protocol):
    """A message: who says what."""

    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


@dataclass(frozen=True)
class State:
    """What llama.cpp remembers of some tokens (about 30 kB each), so that prompts may alternate at no cost."""

    tokens: list[int]
    data: bytes

    @classmethod
    def of(cls, llama: Llama, tokens: list[int]) -> State:
        """The state of `llama`, which has just evaluated `tokens`."""
        import llama_cpp

        size = llama_cpp.llama_state_seq_get_size(llama.ctx, 0)
        buffer = (ctypes.c_uint8 * size)()
        written = llama_cpp.llama_state_seq_get_data(llama.ctx, buffer, size, 0)
        return cls(tokens, bytes(buffer[:written]))

    def load(self, llama: Llama) -> None:
        """Put `llama` where it stood."""
        import llama_cpp

        llama.reset()
        buffer = (ctypes.c_uint8 * len(self.data)).from_buffer_copy(self.data)
        llama_cpp.llama_state_seq_set_data(llama.ctx, buffer, len(self.data), 0)
        llama.input_ids[: len(self.tokens)] = self.tokens
        llama.n_tokens = len(self.tokens)


@dataclass(frozen=True)
class KeptState:
    """A state in a file, named for all that it depends on; its SHA-256 comes first, for llama.cpp trusts its input."""

    path: Path

    @classmethod
    def of(cls, folder: Path, model: Path, context: Mapping[str, object], tokens: list[int]) -> KeptState:
        """Where the state of `tokens` is kept, for a model's file and the settings of its context."""
        stat = model.stat()
        file = (model.resolve(), stat.st_size, stat.st_mtime_ns)
        depends_on = (file, sorted(context.items()), version("llama-cpp-python"), tokens)
        return cls(folder / f"{hashlib.sha256(repr(depends_on).encode()).hexdigest()[:32]}.state")

    def read(self) -> bytes | None:
        """The state, or `None` where there is none or it is damaged."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return None
        digest, data = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        return data if hashlib.sha256(data).digest() == digest else None

    def write(self, data: bytes) -> None:
        """Keep a state. Where it cannot be written (a full disk), the next process evaluates the head again."""
        partial = self.path.with_suffix(".partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(hashlib.sha256(data).digest() + data)
            partial.replace(self.path)
        except OSError:
            with suppress(OSError):
                partial.unlink()


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

    def render(self, messages: Sequence[Spoken], answer: bool) -> str:
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
