"""Graceful shutdown: work in progress may finish for a while, then it is ended with an error.

`finish` runs the phases. A question that takes too long ends with `ShuttingDown` at its next event; a request that is
still open then is cut (`ui/server/error_middleware.py` sends its error response). Streams that end only when the client
disconnects, as a page's do, are never waited for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from index.errors import JawabError
from index.retrieval.filters import Filter
from qa.answer import Event, Finished
from qa.query.followup import HistoryTurn
from ui.config import ServerSettings
from ui.protocols import AnswerStream

_POLL_SECONDS = 0.05
"""Interval of the checks in `_wait_until`."""


class ShuttingDown(JawabError):
    """The server stopped before this was done."""

    code = "shutting_down"
    retryable = True


@dataclass(frozen=True)
class ShutdownTimeouts:
    """Seconds of each phase: for work in progress to finish; for questions to end at their next event; for the last
    messages to reach a page; for cut requests to end."""

    finishing: float = field(default_factory=lambda: ServerSettings().shutdown_seconds)
    ending: float = 1.0
    telling: float = 0.4
    leaving: float = 0.5

    @property
    def in_all(self) -> float:
        return self.finishing + self.ending + self.telling + self.leaving


@dataclass
class ShutdownManager:
    """State of a shutdown, and the requests and questions in progress."""

    patience: ShutdownTimeouts = field(default_factory=ShutdownTimeouts)
    late: bool = False
    _cut: bool = False
    _requests: dict[asyncio.Future[None], bool] = field(default_factory=dict)
    _questions: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def under_way(self) -> int:
        """Number of requests and questions to wait for."""
        return self._questions + sum(not lasting for lasting in self._requests.values())

    @contextmanager
    def request(self, lasting: bool) -> Iterator[asyncio.Future[None]]:
        """Register a request; the future is done when the request must be cut.

        A `lasting` request ends only when its client disconnects. To be called on the event loop.
        """
        cut = asyncio.get_running_loop().create_future()
        self._requests[cut] = lasting
        if self._cut:
            cut.set_result(None)
        try:
            yield cut
        finally:
            del self._requests[cut]

    @contextmanager
    def question(self) -> Iterator[None]:
        """Register a question. Thread-safe."""
        with self._lock:
            self._questions += 1
        try:
            yield
        finally:
            with self._lock:
                self._questions -= 1

    def watch(self, assistant: AnswerStream) -> AnswerStream:
        """Wrap the assistant: its streams raise `ShuttingDown` once the time to finish is over."""
        return _Stopped(assistant, self)

    async def finish(self) -> None:
        """Wait for work in progress, at most as long as `patience` allows; then end it."""
        await self._wait_until(lambda: not self.under_way, self.patience.finishing)
        self.late = True
        await self._wait_until(lambda: not self.under_way, self.patience.ending)
        await self._wait_until(lambda: not self._requests, self.patience.telling)
        await self.end()

    async def end(self) -> None:
        """Stop questions at their next event, cut open requests, and wait for them to end."""
        self.late = self._cut = True
        for cut in self._requests:
            if not cut.done():
                cut.set_result(None)
        await self._wait_until(lambda: not self.under_way, self.patience.leaving)

    async def _wait_until(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)


@dataclass(frozen=True)
class _Stopped:
    assistant: AnswerStream
    stopping: ShutdownManager

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        return self._raise_if_late_between(self.assistant.stream(question, question_id, history, only))

    def _raise_if_late_between(self, events: Iterator[Event]) -> Iterator[Event]:
        with self.stopping.question():
            self._raise_if_late()
            for event in events:
                yield event
                if not isinstance(event, Finished):
                    self._raise_if_late()

    def _raise_if_late(self) -> None:
        if self.stopping.late:
            raise ShuttingDown
