"""Fair queue of questions: few are answered at once, since one LLM writes one sentence at a time.

Callers take turns, however much each of them asks: the next question is that of the caller who has waited longest for
one (round robin, Nagle 1987, RFC 970). Everything here belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from index.errors import JawabError
from ui.errors import RequestError

_FIRST_GUESS = 5.0
"""Estimated seconds for an answer before one was measured."""
_RECENT = 0.2
"""Weight of the latest answer in the moving average of seconds per answer."""


class QueueFull(JawabError):
    """The queue is full; there may be space in about `seconds`."""

    code = "line_full"
    retryable = True


class TooManyQueued(RequestError):
    """One caller has the maximum of `most` questions in the queue; there may be space in about `seconds`."""

    code = "asked_too_much"
    status = 429
    retryable = True


@dataclass(frozen=True)
class QueueLimits:
    """Maximum questions answered at once, in the queue (including those), and in the queue of one caller."""

    at_once: int = 1
    max_length: int = 64
    max_length_of_client: int = 16


@dataclass(eq=False)
class Ticket:
    """A question's place in the queue. `served` is set when its turn comes, at time `began`."""

    line: FairQueue
    caller: str
    served: bool = False
    began: float = 0.0
    _moved: asyncio.Future[None] | None = None

    @property
    def before(self) -> int:
        """Number of questions currently ahead of this one."""
        return self.line.before(self)

    def moved(self) -> asyncio.Future[None]:
        """Return a future that is done at the next change of the queue; only the latest call's is."""
        # A coroutine would listen only once the loop runs it, and miss a turn that comes before that.
        self._moved = asyncio.get_running_loop().create_future()
        return self._moved

    def tell(self) -> None:
        """Wake the waiter: the queue has changed."""
        if self._moved and not self._moved.done():
            self._moved.set_result(None)


class FairQueue:
    """Questions of many callers. Callers without a name share one turn in the round robin, and have no limit per
    caller.
    """

    def __init__(self, room: QueueLimits | None = None) -> None:
        self._room = room or QueueLimits()
        self._working: list[Ticket] = []
        # The first caller is the next one to be served.
        self._waiting: dict[str, deque[Ticket]] = {}
        self._of: Counter[str] = Counter()
        self._seconds = _FIRST_GUESS

    @property
    def length(self) -> int:
        """Number of questions that are being answered or wait."""
        return self._of.total()

    @property
    def patience(self) -> float:
        """Estimated seconds until the whole queue is answered."""
        return max(1.0, self.length * self._seconds / self._room.at_once)

    def check_room(self, caller: str) -> None:
        """Check the limits for one more question. Raises `TooManyQueued`, `QueueFull`."""
        if caller and self._of[caller] >= self._room.max_length_of_client:
            raise TooManyQueued(most=self._room.max_length_of_client, seconds=round(self.patience))
        if self.length >= self._room.max_length:
            raise QueueFull(seconds=round(self.patience / 2 + 0.5))

    @contextmanager
    def stand(self, caller: str) -> Iterator[Ticket]:
        """Hold a place in the queue while the context is open. Raises `TooManyQueued`, `QueueFull`."""
        self.check_room(caller)
        place = Ticket(self, caller)
        self._of[caller] += 1
        self._waiting.setdefault(caller, deque()).append(place)
        self._go_on()
        try:
            yield place
        finally:
            self._leave(place)

    def before(self, place: Ticket) -> int:
        """Return the number of questions ahead of `place`; 0 if its turn has come or it has left."""
        own = self._waiting.get(place.caller, deque())
        if place not in own:
            return 0
        at, earlier, count = own.index(place), True, len(self._working)
        for caller, places in self._waiting.items():
            if caller == place.caller:
                earlier = False
                count += at
            else:
                count += min(len(places), at + earlier)
        return count

    def _go_on(self) -> None:
        while self._waiting and len(self._working) < self._room.at_once:
            caller = next(iter(self._waiting))
            places = self._waiting.pop(caller)
            place = places.popleft()
            if places:
                self._waiting[caller] = places
            place.served, place.began = True, time.monotonic()
            self._working.append(place)
        for places in (deque(self._working), *self._waiting.values()):
            for place in places:
                place.tell()

    def _leave(self, place: Ticket) -> None:
        self._of -= Counter([place.caller])
        if place.served:
            self._working.remove(place)
            self._seconds += _RECENT * (time.monotonic() - place.began - self._seconds)
        else:
            places = self._waiting[place.caller]
            places.remove(place)
            if not places:
                del self._waiting[place.caller]
        self._go_on()
