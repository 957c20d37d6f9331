"""Queries that wait at the same time are computed in one batch, and each caller gets its own results."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from index.runtime.priority_executor import Priority, PriorityExecutor
from index.runtime.query_batcher import MAX_BATCH, QueryBatcher


def doubled_while_busy(asked: list[list[int]]) -> tuple[list[list[int]], list[Sequence[int]]]:
    """The results of callers that queued while the thread was busy, and the batches that were computed."""
    computed: list[Sequence[int]] = []

    def work(numbers: Sequence[int]) -> list[int]:
        computed.append(numbers)
        return [2 * number for number in numbers]

    thread, busy = PriorityExecutor("test"), threading.Event()
    together, got = QueryBatcher(thread, work), dict[int, list[int]]()
    threads = [threading.Thread(target=lambda: thread.do(busy.wait, Priority.SEARCHING))]
    threads += [
        threading.Thread(target=lambda at=at, some=some: got.update({at: together.do(some)}))
        for at, some in enumerate(asked)
    ]
    for one in threads:
        one.start()
        time.sleep(0.03)
    busy.set()
    for one in threads:
        one.join(5)
    return [got[at] for at in range(len(asked))], computed


def test_each_caller_gets_its_own_results() -> None:
    asked = [[1], [2, 3], [], [4], [5], [6]]
    got, computed = doubled_while_busy(asked)
    assert got == [[2 * number for number in some] for some in asked]
    assert computed == [[1, 2, 3, 4], [5, 6]] and MAX_BATCH == 4


def test_repeated_concurrent_calls_share_batches() -> None:
    sizes: list[int] = []

    def work(numbers: Sequence[int]) -> Sequence[int]:
        sizes.append(len(numbers))
        time.sleep(0.02)
        return numbers

    together = QueryBatcher(PriorityExecutor("test"), work)
    callers = [threading.Thread(target=lambda: [together.do([at]) for at in range(20)]) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(20)
    assert sum(sizes) == 160 and len(sizes) < 60


def test_call_from_executor_thread_does_not_wait() -> None:
    thread = PriorityExecutor("test")
    together: QueryBatcher[int, int] = QueryBatcher(thread, list)
    assert thread.do(lambda: together.do([1, 2]), Priority.SEARCHING) == [1, 2]


def test_error_is_raised_and_batcher_keeps_working() -> None:
    def fails(numbers: Sequence[int]) -> list[int]:
        if 0 in numbers:
            raise ValueError("zero")
        return list(numbers)

    together = QueryBatcher(PriorityExecutor("test"), fails)
    with pytest.raises(ValueError, match="zero"):
        together.do([0])
    assert together.do([1]) == [1]
