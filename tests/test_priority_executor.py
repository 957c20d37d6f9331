"""One thread that computes the models' work by priority."""

from __future__ import annotations

import _thread
import signal
import threading
import time

import pytest

from index.runtime.priority_executor import Priority, PriorityExecutor


def test_runs_by_priority_then_in_order_of_arrival() -> None:
    one, done, busy = PriorityExecutor("test"), list[str](), threading.Event()

    def waiting(name: str, urgency: Priority) -> threading.Thread:
        thread = threading.Thread(target=lambda: one.do(lambda: done.append(name), urgency))
        thread.start()
        time.sleep(0.05)
        return thread

    threads = [threading.Thread(target=lambda: one.do(busy.wait, Priority.SEARCHING))]
    threads[0].start()
    time.sleep(0.05)
    asked = (("index", Priority.INDEXING), ("read 1", Priority.READING), ("read 2", Priority.READING))
    threads += [waiting(*one_of) for one_of in (*asked, ("search", Priority.SEARCHING))]
    busy.set()
    for thread in threads:
        thread.join(5)
    assert done == ["search", "read 1", "read 2", "index"]


def test_continuous_searches_do_not_starve_reading() -> None:
    one, read = PriorityExecutor("test"), threading.Event()
    until = time.monotonic() + 10

    def search() -> None:
        time.sleep(0.01)
        if not read.is_set() and time.monotonic() < until:
            one.begin(search, Priority.SEARCHING)

    one.begin(search, Priority.SEARCHING)
    one.do(read.set, Priority.READING)
    assert time.monotonic() < until - 5


def test_nested_work_runs_in_same_thread() -> None:
    one = PriorityExecutor("test")

    def nested() -> tuple[str, str]:
        return threading.current_thread().name, one.do(lambda: threading.current_thread().name, Priority.INDEXING)

    assert one.do(nested, Priority.READING) == ("test", "test")


def test_error_is_raised_to_caller_and_executor_continues() -> None:
    one = PriorityExecutor("test")

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        one.do(fail, Priority.READING)
    assert one.do(lambda: 1, Priority.READING) == 1


def test_interrupted_caller_waits_for_running_work(request: pytest.FixtureRequest) -> None:
    """A model that still computes when the interpreter exits crashes the process."""
    # A shell that starts the suite in the background makes it ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    ended = threading.Event()

    def work() -> None:
        _thread.interrupt_main()
        time.sleep(0.2)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        PriorityExecutor("test").do(work, Priority.READING)
    assert ended.is_set()
