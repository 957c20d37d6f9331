"""Work that nobody waits for any more should end, in the middle of a long step too.

Whoever runs a step says so with `stoppable`; whatever is long asks now and then with `go_on`, and code in C looks at
the `flag`.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Unwanted(threading.Event):
    """Set once nobody waits for the work. Its `flag` is a text of C, empty until then."""

    def __init__(self) -> None:
        super().__init__()
        self.flag = ctypes.create_string_buffer(2)

    def set(self) -> None:
        super().set()
        self.flag[0] = b"!"


_unwanted: ContextVar[Unwanted] = ContextVar("jawab_unwanted")


class Halted(Exception):
    """Nobody waits for what was being done."""


@contextmanager
def stoppable(unwanted: Unwanted) -> Iterator[None]:
    """What is done inside, in this thread, ends soon after `unwanted` is set: `go_on` then raises."""
    token = _unwanted.set(unwanted)
    try:
        yield
    finally:
        _unwanted.reset(token)


def unwanted() -> Unwanted:
    """What tells whether the work at hand is wanted; never set where nobody said `stoppable`."""
    return _unwanted.get(None) or Unwanted()


def go_on() -> None:
    """Raises `Halted` where the work at hand is not wanted any more."""
    if unwanted().is_set():
        raise Halted
