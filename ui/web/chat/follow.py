"""An assistant's events without blocking the server, and an end to its work when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from functools import cache
from typing import Any

from qa.answer import Answer, Event, Finished
from qa.asking.conversation import Exchange
from ui.web.site import Assistant

MOST = 64
"""Answers that may be under way at once, most of them waiting for their turn with the LLM."""


@cache
def _workers() -> ThreadPoolExecutor:
    # The loop's own executor has a few threads for each core: with six that wait, a seventh could not even search.
    return ThreadPoolExecutor(MOST, "jawab-answer")


class _Steps:
    """An iterator that one thread steps and another may close: closing waits for the step in progress."""

    def __init__(self, iterator: Iterator[Event]) -> None:
        self._iterator = iterator
        self._lock = threading.Lock()
        self._closed = False

    def step(self) -> Event | None:
        with self._lock:
            return None if self._closed else next(self._iterator, None)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            close = getattr(self._iterator, "close", None)
            if close is not None:
                close()


async def follow(
    assistant: Assistant,
    question: str,
    halted: asyncio.Event | None = None,
    history: Sequence[Exchange] = (),
) -> AsyncGenerator[Event, None]:
    """The assistant's events without blocking the server; ends when `halted` is set.

    However this ends, the assistant's iterator is closed. That is not waited for: whoever pressed stop or closed
    the tab should not wait for the token that is being computed.
    """
    loop = asyncio.get_running_loop()
    steps = _Steps(assistant.stream(question, history=history))
    halt = asyncio.ensure_future((halted or asyncio.Event()).wait())
    try:
        while True:
            step = loop.run_in_executor(_workers(), steps.step)
            either: set[asyncio.Future[Any]] = {step, halt}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            event = step.result() if step.done() else None
            if event is None:
                return
            yield event
    finally:
        halt.cancel()
        loop.run_in_executor(_workers(), steps.close)


async def whole(assistant: Assistant, question: str, history: Sequence[Exchange] = ()) -> Answer:
    """The record alone; whoever no longer waits for it stops the work."""
    async with aclosing(follow(assistant, question, history=history)) as events:
        async for event in events:
            if isinstance(event, Finished):
                return event.answer
    raise RuntimeError("the assistant's stream ended without a record")


async def with_ticks(events: AsyncGenerator[Event], every: float) -> AsyncGenerator[Event | None]:
    """The events, and `None` whenever `every` seconds have passed without one: who waits may be told something."""
    ahead = asyncio.ensure_future(anext(events))
    try:
        while True:
            done, _ = await asyncio.wait({ahead}, timeout=every)
            if not done:
                yield None
                continue
            try:
                event = ahead.result()
            except StopAsyncIteration:
                return
            yield event
            ahead = asyncio.ensure_future(anext(events))
    finally:
        ahead.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration):
            await ahead
