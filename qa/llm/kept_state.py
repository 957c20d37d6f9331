"""What an LLM remembers of a prompt's head, kept in a file for the next process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

_DIGEST_SIZE = 32


@dataclass(frozen=True)
class KeptState:
    """A state in a file, named for all that it depends on; its SHA-256 comes first, for llama.cpp trusts its input."""

    path: Path

    @classmethod
    def of(cls, folder: Path, model: Path, settings: Mapping[str, object], tokens: Sequence[int]) -> KeptState:
        """Where the state of `tokens` is kept, for a model's file and the settings of its context."""
        stat = model.stat()
        file = (model.resolve(), stat.st_size, stat.st_mtime_ns)
        depends_on = (file, sorted(settings.items()), version("llama-cpp-python"), list(tokens))
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
