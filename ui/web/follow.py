"""An assistant's events without blocking the server, and an end to its work when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

from qa.answer import Event
from qa.asking.conversation import Exchange
from ui.web.site import Assistant


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
            step = loop.run_in_executor(None, steps.step)
            either: set[asyncio.Future[Any]] = {step, halt}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            event = step.result() if step.done() else None
            if event is None:
                return
            yield event
    finally:
        halt.cancel()
        loop.run_in_executor(None, steps.close)
