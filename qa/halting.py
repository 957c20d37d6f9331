"""Work that nobody waits for any more should end, in the middle of a long step too.

Whoever runs a step says so with `stoppable`; whatever is long asks now and then with `go_on`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_unwanted: ContextVar[threading.Event | None] = ContextVar("jawab_unwanted", default=None)


class Halted(Exception):
    """Nobody waits for what was being done."""


@contextmanager
def stoppable(unwanted: threading.Event) -> Iterator[None]:
    """What is done inside, in this thread, ends soon after `unwanted` is set: `go_on` then raises."""
    earlier = _unwanted.set(unwanted)
    try:
        yield
    finally:
        _unwanted.reset(earlier)


def go_on() -> None:
    """Raises `Halted` where the work at hand is not wanted any more."""
    unwanted = _unwanted.get()
    if unwanted is not None and unwanted.is_set():
        raise Halted
