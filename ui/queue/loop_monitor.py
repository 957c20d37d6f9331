"""Measure event-loop lag. A blocked loop serves no request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

INTERVAL_SECONDS = 0.05
"""Seconds between two measurements."""


@asynccontextmanager
async def monitor_loop_lag(on_lag: Callable[[float], None]) -> AsyncIterator[None]:
    """Call `on_lag` with the lag of each measurement, in seconds, while the context is open."""
    task = asyncio.create_task(_measure(on_lag))
    try:
        yield
    finally:
        task.cancel()


async def _measure(on_lag: Callable[[float], None]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + INTERVAL_SECONDS
        await asyncio.sleep(INTERVAL_SECONDS)
        on_lag(max(0.0, loop.time() - due))
