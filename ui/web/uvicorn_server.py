"""The process of `jawab serve`: how it is told to stop, and that it does."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from socket import socket
from typing import NoReturn

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from ui.api.shutdown import ShutdownManager

MAX_SHUTDOWN_SECONDS = 8.5
"""Seconds from the signal to the end of the process, whatever it is doing."""


class GracefulServer(uvicorn.Server):
    """uvicorn's server. SIGTERM and SIGINT are how it is meant to end: what is under way is given time, and the program
    goes on to what comes after the server, which with uvicorn's own it would not."""

    def __init__(self, config: uvicorn.Config, stopping: ShutdownManager, tell: Callable[[], None]) -> None:
        """`tell` says to whoever waits at the terminal that something is still under way."""
        # After that connections are closed whose clients do not take their last word.
        config.timeout_graceful_shutdown = int(stopping.patience.in_all) + 1
        super().__init__(config)
        self._stopping = stopping
        self._tell = tell

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
        """Finish what is under way, then end. `MAX_SHUTDOWN_SECONDS` seconds from now the process ends in any case."""
        kill_after(MAX_SHUTDOWN_SECONDS)
        if self._stopping.under_way:
            self._tell()
        finishing = asyncio.ensure_future(self._stopping.finish())
        await super().shutdown(sockets)
        # No connection is left: nobody waits for what may still be under way.
        finishing.cancel()
        await self._stopping.end()


def kill_after(seconds: float) -> None:
    """Ends the process then, if it has not ended by itself. What was being written to the index has happened or has
    not, as after a kill."""
    timer = threading.Timer(seconds, os._exit, [0])
    timer.daemon = True
    timer.start()


def exit_now() -> NoReturn:
    """Ends the process, when all is closed. A thread may be in the middle of a step of a network: the interpreter would
    wait for it, or, where it does not, end beside it and crash."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
