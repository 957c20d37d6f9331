"""Fair queue of questions: few are answered at once, since one LLM generates one sentence at a time.

Callers are served round robin (Nagle 1987, RFC 970), regardless of how many questions each has queued: the next
question is that of the caller that has waited longest for a turn. For one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from index.errors import JawabError
from ui.config import QueueSettings
from ui.errors import RequestError

_FIRST_GUESS = 5.0
"""Estimated seconds for an answer before one was measured."""
_RECENT = 0.2
"""Weight of the latest answer in the moving average of seconds per answer."""


class QueueFull(JawabError):
    """The queue is full; there may be space in about `seconds`."""

    code = "queue_full"
    retryable = True


class TooManyQueued(RequestError):
    """One caller has the maximum of `most` questions in the queue; there may be space in about `seconds`."""

    code = "too_many_queued"
    status = 429
    retryable = True


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
        # A coroutine would subscribe only when the loop first runs it, and miss changes before that.
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

    def __init__(self, limits: QueueSettings | None = None) -> None:
        self._limits = limits or QueueSettings()
        self._active: list[Ticket] = []
        # The first caller is the next one to be served.
        self._waiting: dict[str, deque[Ticket]] = {}
        self._counts: Counter[str] = Counter()
        self._average_seconds = _FIRST_GUESS

    @property
    def length(self) -> int:
        """Number of questions that are being answered or wait."""
        return self._counts.total()

    @property
    def max_seconds(self) -> float:
        """Maximum seconds for a question, including its time in the queue."""
        return self._limits.max_seconds

    @property
    def patience(self) -> float:
        """Estimated seconds until the whole queue is answered."""
        return max(1.0, self.length * self._average_seconds / self._limits.concurrency)

    def check_room(self, caller: str) -> None:
        """Check the limits for one more question. Raises `TooManyQueued`, `QueueFull`."""
        if caller and self._counts[caller] >= self._limits.max_length_per_client:
            raise TooManyQueued(most=self._limits.max_length_per_client, seconds=round(self.patience))
        if self.length >= self._limits.max_length:
            raise QueueFull(seconds=round(self.patience / 2 + 0.5))

    @contextmanager
    def stand(self, caller: str) -> Iterator[Ticket]:
        """Hold a place in the queue while the context is open. Raises `TooManyQueued`, `QueueFull`."""
        self.check_room(caller)
        ticket = Ticket(self, caller)
        self._counts[caller] += 1
        self._waiting.setdefault(caller, deque()).append(ticket)
        self._serve_next()
        try:
            yield ticket
        finally:
            self._leave(ticket)

    def before(self, ticket: Ticket) -> int:
        """Return the number of questions ahead of `ticket`; 0 if its turn has come or it has left."""
        own_tickets = self._waiting.get(ticket.caller, deque())
        if ticket not in own_tickets:
            return 0
        position, comes_first, count = own_tickets.index(ticket), True, len(self._active)
        for caller, tickets in self._waiting.items():
            if caller == ticket.caller:
                comes_first = False
                count += position
            else:
                count += min(len(tickets), position + comes_first)
        return count

    def _serve_next(self) -> None:
        while self._waiting and len(self._active) < self._limits.concurrency:
            caller = next(iter(self._waiting))
            tickets = self._waiting.pop(caller)
            ticket = tickets.popleft()
            if tickets:
                self._waiting[caller] = tickets
            ticket.served, ticket.began = True, time.monotonic()
            self._active.append(ticket)
        for tickets in (deque(self._active), *self._waiting.values()):
            for ticket in tickets:
                ticket.tell()

    def _leave(self, ticket: Ticket) -> None:
        self._counts -= Counter([ticket.caller])
        if ticket.served:
            self._active.remove(ticket)
            self._average_seconds += _RECENT * (time.monotonic() - ticket.began - self._average_seconds)
        else:
            tickets = self._waiting[ticket.caller]
            tickets.remove(ticket)
            if not tickets:
                del self._waiting[ticket.caller]
        self._serve_next()
