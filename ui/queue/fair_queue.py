"""The line that questions stand in: few are answered at once, for one LLM writes one sentence at a time.

Callers take turns, however much each of them asks: the next question is that of the caller who has waited longest for
one (round robin, Nagle 1987, RFC 970). Everything here is of one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from index.errors import JawabError

_FIRST_GUESS = 5.0
"""Seconds that an answer is thought to take before one has been given."""
_RECENT = 0.2
"""The share that the latest answer has in how long one is thought to take."""


class QueueFull(JawabError):
    """So many questions wait that one more is not taken; in about `seconds` there may be room."""

    code = "line_full"
    retryable = True


class TooManyQueued(JawabError):
    """One caller has `most` questions in the line, and may not have more; in about `seconds` there may be room."""

    code = "asked_too_much"
    retryable = True


@dataclass(frozen=True)
class QueueLimits:
    """How many questions are answered at once, how many stand in the line with them, and how many of one caller."""

    at_once: int = 1
    most: int = 64
    most_of_one: int = 16


@dataclass(eq=False)
class Ticket:
    """A question's place. `served` from when its turn has come, which `began` then."""

    line: FairQueue
    caller: str
    served: bool = False
    began: float = 0.0
    _moved: asyncio.Future[None] | None = None

    @property
    def before(self) -> int:
        """How many questions are answered before this one, as things stand."""
        return self.line.before(self)

    def moved(self) -> asyncio.Future[None]:
        """Done when something in the line next changes; of one call at a time."""
        # A coroutine would listen only from when the loop comes to it: a turn that comes before that would be missed.
        self._moved = asyncio.get_running_loop().create_future()
        return self._moved

    def tell(self) -> None:
        """Something has changed."""
        if self._moved and not self._moved.done():
            self._moved.set_result(None)


class FairQueue:
    """Questions of many callers. A caller without a name may be anyone: of those each question counts for itself,
    and they share one turn."""

    def __init__(self, room: QueueLimits | None = None) -> None:
        self._room = room or QueueLimits()
        self._working: list[Ticket] = []
        # The first caller of these is the next one whose question is answered.
        self._waiting: dict[str, deque[Ticket]] = {}
        self._of: Counter[str] = Counter()
        self._seconds = _FIRST_GUESS

    @property
    def length(self) -> int:
        """How many questions are answered or wait."""
        return self._of.total()

    @property
    def patience(self) -> float:
        """Seconds until the whole line may be answered."""
        return max(1.0, self.length * self._seconds / self._room.at_once)

    def check_room(self, caller: str) -> None:
        """Raises `TooManyQueued`, `QueueFull`."""
        if caller and self._of[caller] >= self._room.most_of_one:
            raise TooManyQueued(most=self._room.most_of_one, seconds=round(self.patience))
        if self.length >= self._room.most:
            raise QueueFull(seconds=round(self.patience / 2 + 0.5))

    @contextmanager
    def stand(self, caller: str) -> Iterator[Ticket]:
        """A place in the line, until the question is answered or given up. Raises `TooManyQueued`, `QueueFull`."""
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
        """How many questions are answered before `place`; none, if its turn has come or it has left."""
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
