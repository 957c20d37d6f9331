"""Cooperative cancellation, also in the middle of a long step.

Run cancellable work inside `cancel_scope`; long loops call `check_cancelled`, and llama.cpp polls the C `flag`.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class CancelToken(threading.Event):
    """Event that is set to cancel the work. Its `flag` is a C string, empty until then."""

    def __init__(self) -> None:
        super().__init__()
        self.flag = ctypes.create_string_buffer(2)

    def set(self) -> None:
        super().set()
        self.flag[0] = b"!"


_current: ContextVar[CancelToken] = ContextVar("jawab_current")


class Cancelled(Exception):
    """The client disconnected, or the request was stopped."""


@contextmanager
def cancel_scope(token: CancelToken) -> Iterator[None]:
    """Run a block, in this thread, that ends soon after `token` is set: `check_cancelled` then raises."""
    previous = _current.set(token)
    try:
        yield
    finally:
        _current.reset(previous)


def current_token() -> CancelToken:
    """Return the token of the innermost `cancel_scope`; outside of any, one that is never set."""
    return _current.get(None) or CancelToken()


def check_cancelled() -> None:
    """Raise `Cancelled` if the current token is set."""
    if current_token().is_set():
        raise Cancelled
