"""The end of a server: what is under way may finish for a while; what does not is told so, and then nothing is left.

`finish` goes through it, step by step. A question that takes too long ends with `ShuttingDown` at its next step; a
request that is still there then is cut (`ui/api/error_middleware.py` says its last word). Streams that end only when
their reader goes, as a page's, are never waited for.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from index.errors import JawabError
from qa.answer import Event, Finished
from qa.query.followup import HistoryTurn
from ui.web.site import AnswerStream

_LOOK = 0.05
"""Seconds between two looks at whether everything is done."""


class ShuttingDown(JawabError):
    """The server was told to stop before this was done."""

    code = "stopping"
    retryable = True


@dataclass(frozen=True)
class ShutdownTimeouts:
    """Seconds that what is under way may take to finish; then, for questions to end at their next step; then, for what
    a page was told last to reach it; and then, for what was cut to leave."""

    finishing: float = 5.0
    ending: float = 1.0
    telling: float = 0.4
    leaving: float = 0.5

    @property
    def in_all(self) -> float:
        return self.finishing + self.ending + self.telling + self.leaving


@dataclass
class ShutdownManager:
    """Whether a server is about to stop, and what is under way on it until then."""

    patience: ShutdownTimeouts = ShutdownTimeouts()
    late: bool = False
    _cut: bool = False
    _requests: dict[asyncio.Future[None], bool] = field(default_factory=dict)
    _questions: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def under_way(self) -> int:
        """How many requests and questions are waited for."""
        return self._questions + sum(not lasting for lasting in self._requests.values())

    @contextmanager
    def request(self, lasting: bool) -> Iterator[asyncio.Future[None]]:
        """A request, from its beginning to its end, and what is done when it must not go on.

        One that is `lasting` ends only when its reader goes. Only for the event loop.
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
        """A question, from its beginning to its end. For any thread."""
        with self._lock:
            self._questions += 1
        try:
            yield
        finally:
            with self._lock:
                self._questions -= 1

    def watch(self, assistant: AnswerStream) -> AnswerStream:
        """The assistant; its streams raise `ShuttingDown` where it gets too late for them."""
        return _Stopped(assistant, self)

    async def finish(self) -> None:
        """Wait for what is under way, as long as there is patience; then end it."""
        await self._until(lambda: not self.under_way, self.patience.finishing)
        self.late = True
        await self._until(lambda: not self.under_way, self.patience.ending)
        await self._until(lambda: not self._requests, self.patience.telling)
        await self.end()

    async def end(self) -> None:
        """End what is still under way, as far as it can be ended."""
        self.late = self._cut = True
        for cut in self._requests:
            if not cut.done():
                cut.set_result(None)
        await self._until(lambda: not self.under_way, self.patience.leaving)

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not done() and time.monotonic() < until:
            await asyncio.sleep(_LOOK)


@dataclass(frozen=True)
class _Stopped:
    assistant: AnswerStream
    stopping: ShutdownManager

    def stream(
        self, question: str, question_id: str | None = None, history: Sequence[HistoryTurn] = ()
    ) -> Iterator[Event]:
        return self._while_there_is_time(self.assistant.stream(question, question_id, history))

    def _while_there_is_time(self, events: Iterator[Event]) -> Iterator[Event]:
        with self.stopping.question():
            self._go_on()
            for event in events:
                yield event
                if not isinstance(event, Finished):
                    self._go_on()

    def _go_on(self) -> None:
        if self.stopping.late:
            raise ShuttingDown
