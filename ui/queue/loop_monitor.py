"""Measure event-loop lag. A blocked loop serves no request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

EVERY = 0.05
"""Seconds between two measurements."""


@asynccontextmanager
async def monitor_loop_lag(late: Callable[[float], None]) -> AsyncIterator[None]:
    """Call `late` with the lag of each measurement, in seconds, while the context is open."""
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
