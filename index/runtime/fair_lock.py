"""A FIFO (fair) mutex."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class FairLock:
    """FIFO mutex, used as `with lock.mine():`. `threading.Lock` gives no ordering guarantee."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()

    @property
    def waiting(self) -> int:
        """Number of threads in the queue, including the one that holds the lock."""
        with self._lock:
            return len(self._queue)

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Acquire the lock after all earlier callers, and release it at the end."""
        turn = threading.Event()
        with self._lock:
            self._queue.append(turn)
            if len(self._queue) == 1:
                turn.set()
        try:
            turn.wait()
            yield
        finally:
            with self._lock:
                self._queue.remove(turn)
                if self._queue:
                    self._queue[0].set()
