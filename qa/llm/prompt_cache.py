"""Prompt cache: the LLM's state after a prompt's head, stored in a file for the next process."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

OFFSET = 32
"""Bytes of the digest before a state."""


@dataclass(frozen=True)
class PromptCacheFile:
    """A state in a file, named by a digest of all that it depends on.

    Its SHA-256 comes first, because llama.cpp trusts its input.
    """

    path: Path

    @classmethod
    def of(cls, folder: Path, model: Path, settings: Mapping[str, object], tokens: Sequence[int]) -> PromptCacheFile:
        """Return the cache file for the state of `tokens`, given a model's file and the settings of its context."""
        stat = model.stat()
        file = (model.resolve(), stat.st_size, stat.st_mtime_ns)
        depends_on = (file, sorted(settings.items()), version("llama-cpp-python"), list(tokens))
        return cls(folder / f"{hashlib.sha256(repr(depends_on).encode()).hexdigest()[:32]}.state")

    def read(self) -> mmap.mmap | None:
        """Map the file, whose state begins at `OFFSET`; `None` if it is missing or damaged."""
        try:
            with self.path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # no file; an empty one
            return None
        with memoryview(mapped) as content:
            intact = hashlib.sha256(content[OFFSET:]).digest() == bytes(content[:OFFSET])
        return mapped if intact else None

    def write(self, data: bytes) -> None:
        """Store a state. If that fails (a full disk), the next process evaluates the head again."""
        partial = self.path.with_suffix(".partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(hashlib.sha256(data).digest() + data)
            partial.replace(self.path)
        except OSError:
            with suppress(OSError):
                partial.unlink()
