"""The pulse of the event loop: how late it comes to what is due. A loop that somebody blocks answers nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

EVERY = 0.05
"""Seconds between two beats."""


@asynccontextmanager
async def monitor_loop_lag(late: Callable[[float], None]) -> AsyncIterator[None]:
    """While this is open, `late` is told by how many seconds each beat came late."""
    beating = asyncio.create_task(_beat(late))
    try:
        yield
    finally:
        beating.cancel()


async def _beat(late: Callable[[float], None]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY
        await asyncio.sleep(EVERY)
        late(max(0.0, loop.time() - due))
