"""uvicorn server of `jawab serve` with graceful, time-limited shutdown."""

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

from ui.queue.shutdown import ShutdownManager

KILL_MARGIN_SECONDS = 1.6
"""Seconds after all phases of the shutdown, after which the process is ended in any state."""


class GracefulServer(uvicorn.Server):
    """uvicorn server with graceful shutdown on SIGTERM and SIGINT: running requests get time to finish, and `run`
    returns. uvicorn's own server would raise the signal again and end the process."""

    def __init__(self, config: uvicorn.Config, stopping: ShutdownManager, on_wait: Callable[[], None]) -> None:
        """`on_wait` prints to the terminal that requests are still running."""
        # Past this limit, uvicorn closes connections whose clients do not read the end of their response.
        config.timeout_graceful_shutdown = int(stopping.patience.in_all) + 1
        super().__init__(config)
        self._stopping = stopping
        self._on_wait = on_wait

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle signals, without raising them again at the end as uvicorn does: that would end the process at once."""
        previous_handlers = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous_handlers.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Finish running requests, then end. After the time for that the process ends in any case."""
        kill_after(self._stopping.patience.in_all + KILL_MARGIN_SECONDS)
        if self._stopping.under_way:
            self._on_wait()
        finishing = asyncio.ensure_future(self._stopping.finish())
        await super().shutdown(sockets)
        # No connection is left, so no client waits for work that may still be running.
        finishing.cancel()
        await self._stopping.end()


def kill_after(seconds: float) -> None:
    """End the process after `seconds`, if it has not ended by itself. Index writes are atomic, as after a kill."""
    timer = threading.Timer(seconds, os._exit, [0])
    timer.daemon = True
    timer.start()


def exit_now() -> NoReturn:
    """End the process at once, after everything is closed. A thread may still be running a network: the interpreter
    would wait for it, or crash if it exits while the thread runs."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
