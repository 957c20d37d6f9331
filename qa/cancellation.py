"""Work that nobody waits for any more should end, in the middle of a long step too.

Whoever runs a step says so with `cancel_scope`; whatever is long asks now and then with `check_cancelled`, and code in
C looks at the `flag`.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class CancelToken(threading.Event):
    """Set once nobody waits for the work. Its `flag` is a text of C, empty until then."""

    def __init__(self) -> None:
        super().__init__()
        self.flag = ctypes.create_string_buffer(2)

    def set(self) -> None:
        super().set()
        self.flag[0] = b"!"


_unwanted: ContextVar[CancelToken] = ContextVar("jawab_unwanted")


class Cancelled(Exception):
    """Nobody waits for what was being done."""


@contextmanager
def cancel_scope(current_token: CancelToken) -> Iterator[None]:
    """What is done inside, in this thread, ends soon after `current_token` is set: `check_cancelled` then raises."""
    token = _unwanted.set(current_token)
    try:
        yield
    finally:
        _unwanted.reset(token)


def current_token() -> CancelToken:
    """What tells whether the work at hand is wanted; never set where nobody said `cancel_scope`."""
    return _unwanted.get(None) or CancelToken()


def check_cancelled() -> None:
    """Raises `Cancelled` where the work at hand is not wanted any more."""
    if current_token().is_set():
        raise Cancelled
