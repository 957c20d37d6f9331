"""Progress and cancellation of an indexing run."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


class JobCancelled(Exception):
    """The run was stopped; nothing was indexed."""


@dataclass(kw_only=True)
class JobProgress:
    """The `Progress` of an indexing run. Once `halted` is set, the next step raises `JobCancelled`."""

    looked_at: int = 0
    to_look_at: int = 0
    read: int = 0
    to_read: int = 0
    began_reading: float = 0.0
    halted: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        if self.halted.is_set():
            raise JobCancelled

    def looked(self, files: int, of: int) -> None:
        self.check()
        self.looked_at, self.to_look_at = files, of

    def start(self, passages: int) -> None:
        self.check()
        self.read, self.to_read, self.began_reading = 0, passages, time.monotonic()

    def advance(self, passages: int) -> None:
        self.check()
        self.read += passages

    @property
    def rate(self) -> float:
        """Passages a second."""
        return self.read / max(time.monotonic() - self.began_reading, 0.001)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds left; `None` before the first passage."""
        return (self.to_read - self.read) / self.rate if self.read else None
