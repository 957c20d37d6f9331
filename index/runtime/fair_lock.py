"""A queue for a thing that only one may use at a time: first come, first served."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class FairLock:
    """`with turns.mine():` waits for those who came before. `threading.Lock` promises no order; this does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: deque[threading.Event] = deque()

    @property
    def waiting(self) -> int:
        """How many stand in line, the one whose turn it is among them."""
        with self._lock:
            return len(self._line)

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Wait for one's turn, and pass it on at the end."""
        turn = threading.Event()
        with self._lock:
            self._line.append(turn)
            if len(self._line) == 1:
                turn.set()
        try:
            turn.wait()
            yield
        finally:
            with self._lock:
                self._line.remove(turn)
                if self._line:
                    self._line[0].set()
