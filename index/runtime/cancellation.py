"""Cancellation of a long run: every stage calls a `Check` several times a second, which raises to stop the run.

A run makes its changes in a transaction, which is then rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

Check = Callable[[], None]


def never() -> None:
    """No-op `Check`, for a run that cannot be cancelled."""


def checked(items: Iterable[T], check: Check) -> Iterator[T]:
    """Yield `items`, calling `check` before each and after the last."""
    for item in items:
        check()
        yield item
    check()
