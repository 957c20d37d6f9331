"""Dynamic batching of questions that wait for the network at the same moment.

A single question is bound by memory bandwidth: in a batch of four each takes half as long.
In bfloat16 a question's vector depends slightly on its batch: scores differ by a thousandth at most (docs/api.md).
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
"""Maximum callers in a batch. Larger batches save no time per question, and the first would wait for the last."""


class QueryBatcher(Generic[T, R]):
    """Calls `work` in the compute thread with the items of several callers at a time.

    `work` takes a sequence of items and returns as many results, in the same order.
    """

    def __init__(self, thread: PriorityExecutor, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._thread = thread
        self._work = work
        self._lock = threading.Lock()
        self._pending: deque[tuple[Sequence[T], Future[list[R]]]] = deque()

    def do(self, items: Sequence[T]) -> list[R]:
        """Return the results of `work` for `items`, or raise its exception."""
        if self._thread.is_current_thread:
            return list(self._work(items))
        future: Future[list[R]] = Future()
        with self._lock:
            self._pending.append((items, future))
            if len(self._pending) == 1:
                self._thread.begin(self._take, Priority.SEARCHING)
        return future.result()

    def _take(self) -> None:
        """Process one batch. Exactly one such task is queued while anything waits: with one for each caller, tasks
        left over from a batch would each process the next request alone, which defeats batching.
        """
        with self._lock:
            batch = [self._pending.popleft() for _ in range(min(MAX_BATCH, len(self._pending)))]
            if self._pending:
                self._thread.begin(self._take, Priority.SEARCHING)
        try:
            results = iter(self._work([item for items, _ in batch for item in items]))
        except BaseException as error:  # noqa: BLE001 - re-raised in the caller
            for _, future in batch:
                future.set_exception(error)
            return
        for items, future in batch:
            future.set_result([next(results) for _ in items])
