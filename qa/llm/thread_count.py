"""The number of threads that llama.cpp computes with: all, or one while other programs keep the processor busy.

The threads of a pass wait for each other some four hundred times a token. Where each must share its core, every wait
lasts until the system lets the other one run again: on two cores with five busy programs, ten generated tokens a second
became less than one. A single thread waits for nobody. How busy the machine is shows in the passes over a prompt: the
processor time that this process was given, against what its threads could have used.
"""

from __future__ import annotations

_BUSY = 0.7
"""The share of its threads' time below which a pass was held up; two threads alone on two cores are given 0.95."""
_LONG_PASS = 16
"""Tokens of a pass that takes long enough to tell: a tenth of a second."""


class ThreadCount:
    """Chooses a number of threads for each pass, from what earlier passes were given."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._busy = False

    def for_pass(self, tokens: int) -> int:
        """The threads for a pass over so many tokens. A pass over many pays for its waits, and tells the load."""
        return 1 if self._busy and not _tells_load(tokens) else self._threads

    def observe(self, tokens: int, wall_seconds: float, cpu_seconds: float) -> None:
        """Take in what a pass was given; `cpu_seconds` are those of this whole process."""
        if _tells_load(tokens) and wall_seconds > 0:
            self._busy = cpu_seconds / (wall_seconds * self._threads) < _BUSY


def _tells_load(tokens: int) -> bool:
    return tokens >= _LONG_PASS
