"""Stream the answer to a question through the server: queue position, passages, turn, answer.

Search is fast and is not queued: passages come first, however long the queue. The work does not block the event loop,
and is cancelled when the client disconnects.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from typing import Protocol, TypeVar

from index.errors import JawabError
from index.retrieval.filters import Filter
from qa.answer import Answer, Event, Finished, PassagesFound, PhraseFound, Token
from qa.cancellation import Cancelled, CancelToken, cancel_scope
from qa.query.arabizi import is_arabizi
from qa.query.followup import HistoryTurn, is_follow_up
from ui.protocols import AnswerStream
from ui.queue.answer_cache import AnswerCache
from ui.queue.fair_queue import FairQueue, Ticket

T = TypeVar("T")

_THREADS = 64


class AnswerSource(Protocol):
    """A collection that answers: its assistant, and its answer cache, if any."""

    @property
    def assistant(self) -> AnswerStream: ...

    @property
    def answers(self) -> AnswerCache | None: ...


class DeadlineExceeded(JawabError):
    """The question was not answered within `within` seconds."""

    code = "deadline_exceeded"
    retryable = True


@dataclass(frozen=True)
class QuestionRequest:
    """A question of a caller with its `history` and its time limit in `seconds`; `anew` bypasses the answer cache.
    `only` restricts the passages that the answer may come from. Callers without a name share one turn.
    """

    question: str
    history: tuple[HistoryTurn, ...] = ()
    caller: str = ""
    seconds: float | None = None
    anew: bool = False
    only: Filter | None = None


@dataclass(frozen=True)
class QueuePosition:
    """Number of questions ahead of this one; yielded whenever it changes."""

    before: int


StreamEvent = Event | QueuePosition


async def stream_answer(
    collection: AnswerSource, request: QuestionRequest, queue: FairQueue, halted: asyncio.Event | None = None
) -> AsyncGenerator[StreamEvent, None]:
    """Yield the events of a question until its record is complete or `halted` is set.

    Raises the assistant's errors, `QueueFull`, `TooManyQueued` and `DeadlineExceeded`. When the stream ends for any
    reason, the assistant's work is cancelled without waiting for it, so that a stop does not wait for the next token.
    """
    generation, cached = await _in_thread(lambda: _cached_answer(collection, request))
    if cached:
        for event in _replay(cached):
            yield event
        return
    limits = _Limits(min(request.seconds or queue.max_seconds, queue.max_seconds), halted or asyncio.Event())
    try:
        with queue.stand(request.caller) as ticket:
            async with aclosing(_answer_events(collection, request, ticket, limits)) as steps:
                async for step in steps:
                    if isinstance(step, Finished) and collection.answers and not step.answer.cached:
                        collection.answers.keep(
                            request.question, request.history, step.answer, generation, request.only
                        )
                    yield step
    except Cancelled:
        return
    finally:
        limits.close()


async def complete_answer(collection: AnswerSource, request: QuestionRequest, queue: FairQueue) -> Answer:
    """Return the record alone. Cancelling this stops the work. Raises the errors of `stream_answer`."""
    async with aclosing(stream_answer(collection, request, queue)) as steps:
        async for step in steps:
            if isinstance(step, Finished):
                return step.answer
    raise RuntimeError("the assistant's stream ended without a record")


async def _answer_events(
    collection: AnswerSource, request: QuestionRequest, ticket: Ticket, limits: _Limits
) -> AsyncGenerator[StreamEvent, None]:
    """Yield passages as soon as they are found, and the rest when the question's turn has come. A question that may be
    rewritten waits for its turn first, since rewriting needs the LLM.
    """
    work = _Work(collection.assistant.stream(request.question, history=request.history, only=request.only))
    try:
        if reported := ticket.before:
            yield QueuePosition(reported)
        positions = _wait_for_turn(ticket, reported, limits)
        if _may_be_rewritten(request):
            async for step in positions:
                yield step
        event = await _next(work, limits)
        if event and not isinstance(event, Finished):
            yield event
            async for step in positions:
                yield step
            # The same question may have been answered meanwhile.
            cached = (await _in_thread(lambda: _cached_answer(collection, request)))[1] if reported else None
            event = Finished(cached) if cached else await _next(work, limits)
        while event:
            yield event
            event = None if isinstance(event, Finished) else await _next(work, limits)
    finally:
        work.cancelled.set()
        _workers().submit(work.close)


def _may_be_rewritten(request: QuestionRequest) -> bool:
    """Return True if the assistant may rewrite the question with the LLM before it searches."""
    return bool(request.history) and (is_follow_up(request.question) or is_arabizi(request.question))


async def _wait_for_turn(ticket: Ticket, reported: int, limits: _Limits) -> AsyncGenerator[QueuePosition, None]:
    """Yield the queue position whenever it changes from `reported`, until the turn has come."""
    while not ticket.served:
        if ticket.before != reported:
            reported = ticket.before
            yield QueuePosition(reported)  # the consumer may resume late: check again before waiting
        else:
            await limits.wait(ticket.moved())
    if reported:
        yield QueuePosition(0)


async def _next(work: _Work, limits: _Limits) -> Event | None:
    return await limits.wait(_in_thread(work.step))


def _cached_answer(collection: AnswerSource, request: QuestionRequest) -> tuple[int, Answer | None]:
    """Return the generation of the index, and the answer cached for it, if any."""
    answers = collection.answers
    if answers is None:
        return 0, None
    generation = answers.generation()
    return generation, None if request.anew else answers.find(request.question, request.history, request.only)


def _replay(answer: Answer) -> Iterator[Event]:
    """Yield the events of a cached answer."""
    yield PassagesFound(answer.passages)
    if answer.short_answer:
        yield PhraseFound(answer.short_answer)
    if answer.status == "answered":
        yield Token(answer.answer)
    yield Finished(answer)


class _Work:
    """An assistant's events, which one thread steps through and another may close. Closing waits for the current step,
    which ends early once `cancelled` is set.
    """

    def __init__(self, events: Iterator[Event]) -> None:
        self.cancelled = CancelToken()
        self._events = events
        self._lock = threading.Lock()

    def step(self) -> Event | None:
        """Return the next event; `None` after the last, or once `cancelled` is set."""
        with self._lock, cancel_scope(self.cancelled):
            if self.cancelled.is_set():
                return None
            try:
                return next(self._events, None)
            except Cancelled:
                return None

    def close(self) -> None:
        with self._lock:
            close = getattr(self._events, "close", None)
            if close is not None:
                close()


class _Limits:
    """Limits on waiting for a question: `seconds`, or until `halted` is set."""

    def __init__(self, seconds: float, halted: asyncio.Event) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._halt = asyncio.ensure_future(halted.wait())

    async def wait(self, awaited: Awaitable[T]) -> T:
        """Return the result of `awaited`. Raises `Cancelled` once `halted` is set; `DeadlineExceeded` when late."""
        task = asyncio.ensure_future(awaited)
        remaining = max(0.0, self._deadline - time.monotonic())
        try:
            await asyncio.wait({task, self._halt}, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            task.cancel()
        if self._halt.done():
            raise Cancelled
        raise DeadlineExceeded(within=round(self._seconds))

    def close(self) -> None:
        self._halt.cancel()


@cache
def _workers() -> ThreadPoolExecutor:
    # The loop's default executor has a few threads per core: with six questions waiting, a seventh could not search.
    return ThreadPoolExecutor(_THREADS, "jawab-answer")


async def _in_thread(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_workers(), work)
