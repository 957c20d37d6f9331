"""A single compute thread for a network, with priorities and without starvation.

Each task's due time is its submission time plus the delay of its priority, and the earliest due task runs first.
Strict priorities cause starvation: eight clients searching continuously blocked a question for as long as they ran.

OpenMP has worker threads for every thread that computes, and they compete for cores: twenty questions at once, each
in a thread of its own, took twice as long as one after the other (docs/web-ui.md, "Twenty people at once").
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

_IDLE_SECONDS = 0.05
"""Idle seconds after which OpenMP's worker threads are released."""


class Priority(Enum):
    """Priority of a task: the seconds during which later, more urgent tasks may overtake it."""

    SEARCHING = 0.0
    READING = 0.5
    INDEXING = 2.0


_Work = tuple[float, int, Callable[[], Any], Future[Any]]
"""Due time, sequence number, callable, future."""


class PriorityExecutor:
    """Runs one task at a time, in a daemon thread that starts with the first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: queue.PriorityQueue[_Work] = queue.PriorityQueue()
        self._sequence = itertools.count()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def do(self, work: Callable[[], T], urgency: Priority) -> T:
        """Run `work` in the thread and return its result or raise its exception. A nested call runs at once."""
        if self.is_current_thread:
            return work()
        future = self.begin(work, urgency)
        try:
            return future.result()
        finally:
            # An interrupted caller must not release objects that the task still uses.
            wait((future,))

    @property
    def is_current_thread(self) -> bool:
        """True if the caller runs in this executor's thread."""
        return threading.current_thread() is self._thread

    def begin(self, work: Callable[[], T], urgency: Priority) -> Future[T]:
        """Submit `work` and return its future."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        future: Future[T] = Future()
        self._queue.put((time.monotonic() + urgency.value, next(self._sequence), work, future))
        return future

    def _run(self) -> None:
        while True:
            _, _, work, future = self._next()
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - re-raised in the caller
                future.set_exception(error)
            else:
                future.set_result(result)
            # Objects held by the task (a batch, a state) should not live until the next one arrives.
            del work, future

    def _next(self) -> _Work:
        try:
            return self._queue.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            release_worker_threads()
            return self._queue.get()
