"""Cancellation of a long run: every stage calls a `Check` several times a second, which raises to stop the run.

What the run changes, it changes in a transaction, which is rolled back then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

Check = Callable[[], None]


def never() -> None:
    """The `Check` of a run that nobody can stop."""


def checked(items: Iterable[T], check: Check) -> Iterator[T]:
    """`items`, with `check` called before each and after the last."""
    for item in items:
        check()
        yield item
    check()
