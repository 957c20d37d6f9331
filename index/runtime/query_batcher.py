"""Questions that wait for the network at the same moment go through it together.

One question by itself leaves the processor waiting for memory: four together take half as long for each.
In bfloat16 a question's numbers depend a little on its company: scores differ by a thousandth at most (docs/api.md).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from index.runtime.priority_executor import Priority, PriorityExecutor

T = TypeVar("T")
R = TypeVar("R")

MAX_BATCH = 4
"""Callers whose questions go together; of more, each takes as long, and the first would wait for the last."""


class QueryBatcher(Generic[T, R]):
    """Gives what callers want done to `work`, several at a time, in the thread that computes.

    `work` takes all that was asked for and gives as many results, in the same order.
    """

    def __init__(self, thread: PriorityExecutor, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._thread = thread
        self._work = work
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Sequence[T], Future[list[R]]]] = deque()

    def do(self, asked: Sequence[T]) -> list[R]:
        """What `work` gives for `asked`, or raises."""
        if self._thread.is_mine:
            return list(self._work(asked))
        done: Future[list[R]] = Future()
        with self._lock:
            self._waiting.append((asked, done))
            if len(self._waiting) == 1:
                self._thread.begin(self._take, Priority.SEARCHING)
        return done.result()

    def _take(self) -> None:
        """Do what waits. One of these is in the thread's line while anything waits, and no more: with one for each
        caller, those whose work was done with another's would take whatever came next by itself, as soon as it came.
        """
        with self._lock:
            together = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            if self._waiting:
                self._thread.begin(self._take, Priority.SEARCHING)
        try:
            results = iter(self._work([one for asked, _ in together for one in asked]))
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
            for _, done in together:
                done.set_exception(error)
            return
        for asked, done in together:
            done.set_result([next(results) for _ in asked])
