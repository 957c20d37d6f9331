"""The process of `jawab serve`: how it is told to stop, and that it does."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from socket import socket

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from ui.api.stopping import Stopping

ENDS_WITHIN = 9.0
"""Seconds from the signal to the end of the process, whatever it is doing."""


class StoppingServer(uvicorn.Server):
    """uvicorn's server. SIGTERM and SIGINT are how it is meant to end: what is under way is given time, and the process
    goes on to what comes after the server, which uvicorn's own would not."""

    def __init__(self, config: uvicorn.Config, stopping: Stopping) -> None:
        # After that connections are closed whose clients do not take their last word.
        config.timeout_graceful_shutdown = int(stopping.patience.in_all) + 1
        super().__init__(config)
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Unlike uvicorn's own, this does not raise the signal again at the end: that would end the process at once."""
        earlier = {each: signal.signal(each, self.handle_exit) for each in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for each, handler in earlier.items():
                signal.signal(each, handler)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Finish what is under way, then end. `ENDS_WITHIN` seconds from now the process ends in any case."""
        end_within(ENDS_WITHIN)
        finishing = asyncio.ensure_future(self._stopping.finish())
        await super().shutdown(sockets)
        # No connection is left: nobody waits for what may still be under way.
        finishing.cancel()
        self._stopping.end()


def end_within(seconds: float) -> None:
    """Ends the process then, if it has not ended by itself: a step of a network cannot be interrupted, and threads that
    take one are waited for. What was being written to the index has happened or has not, as after a kill."""

    timer = threading.Timer(seconds, os._exit, [0])
    timer.daemon = True
    timer.start()
