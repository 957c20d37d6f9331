"""One thread for all that a network computes: the most urgent first, but nothing waits for ever.

Each piece of work is due when it came, or later where it has time, and what is due first is done first. A strict order
would not do: eight callers who searched without a pause held up a question for as long as they went on.

OpenMP keeps helpers for every thread that computes, and they get into each other's way: twenty questions at once, each
in a thread of its own, took twice as long as one after the other (docs/page.md, "Twenty people at once").
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from enum import Enum
from typing import Any, TypeVar

from index.runtime.openmp import release_worker_threads

T = TypeVar("T")

_PAUSE = 0.05
"""Seconds without work after which its helpers leave."""


class Priority(Enum):
    """For how many seconds what comes later and is more urgent may go before it."""

    SEARCHING = 0.0
    READING = 0.5
    INDEXING = 2.0


_Work = tuple[float, int, Callable[[], Any], Future[Any]]
"""When it is due, its number, what is to be done, and who waits for it."""


class PriorityExecutor:
    """Does one piece of work at a time, in a thread that starts with the first and ends with the program."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: queue.PriorityQueue[_Work] = queue.PriorityQueue()
        self._number = itertools.count()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def do(self, work: Callable[[], T], urgency: Priority) -> T:
        """What `work` returns or raises. Work that is part of other work is done at once."""
        if self.is_mine:
            return work()
        done = self.begin(work, urgency)
        try:
            return done.result()
        finally:
            # Who is interrupted must not take away what is still worked on.
            wait((done,))

    @property
    def is_mine(self) -> bool:
        """Whether whoever asks is this thread's own work."""
        return threading.current_thread() is self._thread

    def begin(self, work: Callable[[], T], urgency: Priority) -> Future[T]:
        """What `work` will return or raise, once its turn has come."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        done: Future[T] = Future()
        self._waiting.put((time.monotonic() + urgency.value, next(self._number), work, done))
        return done

    def _run(self) -> None:
        while True:
            _, _, work, done = self._next()
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                done.set_exception(error)
            else:
                done.set_result(result)
            # What the work held (a batch, a state) should not live until the next one comes.
            del work, done

    def _next(self) -> _Work:
        try:
            return self._waiting.get(timeout=_PAUSE)
        except queue.Empty:
            release_worker_threads()
            return self._waiting.get()
