"""The way of a question through the server: its place in the line, its passages, its turn, its answer.

Search is quick and waits for nobody: the passages come first, whatever the line. All of it leaves the event loop free,
and ends when nobody waits for it any more.
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
from qa.answer import Answer, Event, Finished, PassagesFound, PhraseFound, Token
from qa.cancellation import Cancelled, CancelToken, cancel_scope
from qa.query.arabizi import is_arabizi
from qa.query.followup import HistoryTurn, is_follow_up
from ui.queue.answer_cache import AnswerCache
from ui.queue.fair_queue import FairQueue, Ticket
from ui.web.site import AnswerStream

T = TypeVar("T")

MAX_SECONDS = 300.0
"""Seconds that a question may take, its time in the line among them."""
_THREADS = 64


class AnswerSource(Protocol):
    """What is asked: an assistant, and its earlier answers, if they are kept."""

    @property
    def assistant(self) -> AnswerStream: ...

    @property
    def answers(self) -> AnswerCache | None: ...


class DeadlinePassed(JawabError):
    """The question was not answered within `within` seconds."""

    code = "deadline_passed"
    retryable = True


@dataclass(frozen=True)
class QuestionRequest:
    """A question as a caller asks it: after what `history`, within how many `seconds`, and whether it is worked on
    `anew` though its answer may be known. Who has no name shares a turn with all who have none."""

    question: str
    history: tuple[HistoryTurn, ...] = ()
    caller: str = ""
    seconds: float = MAX_SECONDS
    anew: bool = False


@dataclass(frozen=True)
class QueuePosition:
    """So many questions are answered before this one; it is told whenever it changes."""

    before: int


StreamEvent = Event | QueuePosition


async def stream_answer(
    collection: AnswerSource, asked: QuestionRequest, line: FairQueue, halted: asyncio.Event | None = None
) -> AsyncGenerator[StreamEvent, None]:
    """What happens to a question until its record is there, or `halted` is set.

    Raises what the assistant raises, `LineFull`, `AskedTooMuch` and `DeadlinePassed`. However it ends, the assistant's
    work is stopped. That is not waited for: whoever pressed stop should not wait for the token that is being computed.
    """
    generation, known = await _off_the_loop(lambda: _known(collection, asked))
    if known:
        for event in _told_again(known):
            yield event
        return
    limits = _Limits(asked.seconds, halted or asyncio.Event())
    try:
        with line.stand(asked.caller) as place:
            async with aclosing(_answered(collection, asked, place, limits)) as steps:
                async for step in steps:
                    if isinstance(step, Finished) and collection.answers and not step.answer.cached:
                        collection.answers.keep(asked.question, asked.history, step.answer, generation)
                    yield step
    except Cancelled:
        return
    finally:
        limits.close()


async def complete_answer(collection: AnswerSource, asked: QuestionRequest, line: FairQueue) -> Answer:
    """The record alone; whoever no longer waits for it stops the work. Raises what `stream_answer` raises."""
    async with aclosing(stream_answer(collection, asked, line)) as steps:
        async for step in steps:
            if isinstance(step, Finished):
                return step.answer
    raise RuntimeError("the assistant's stream ended without a record")


async def _answered(
    collection: AnswerSource, asked: QuestionRequest, place: Ticket, limits: _Limits
) -> AsyncGenerator[StreamEvent, None]:
    """Passages as soon as they are found; the rest when the question's turn has come. All of a question that may be
    rewritten first comes in its turn, for that takes the LLM."""
    work = _Work(collection.assistant.stream(asked.question, history=asked.history))
    try:
        if told := place.before:
            yield QueuePosition(told)
        turn = _turn(place, told, limits)
        if _may_be_rewritten(asked):
            async for step in turn:
                yield step
        event = await _next(work, limits)
        if event and not isinstance(event, Finished):
            yield event
            async for step in turn:
                yield step
            # Somebody else may have asked the same meanwhile.
            known = (await _off_the_loop(lambda: _known(collection, asked)))[1] if told else None
            event = Finished(known) if known else await _next(work, limits)
        while event:
            yield event
            event = None if isinstance(event, Finished) else await _next(work, limits)
    finally:
        work.unwanted.set()
        _workers().submit(work.close)


def _may_be_rewritten(asked: QuestionRequest) -> bool:
    """Whether the assistant may ask the LLM what the question means before it searches."""
    return bool(asked.history) and (is_follow_up(asked.question) or is_arabizi(asked.question))


async def _turn(place: Ticket, told: int, limits: _Limits) -> AsyncGenerator[QueuePosition, None]:
    """The place in the line whenever it is another than was `told`, until the turn has come."""
    while not place.served:
        if place.before != told:
            told = place.before
            yield QueuePosition(told)  # and who is told may take long to come back: look again before waiting
        else:
            await limits.wait(place.moved())
    if told:
        yield QueuePosition(0)


async def _next(work: _Work, limits: _Limits) -> Event | None:
    return await limits.wait(_off_the_loop(work.step))


def _known(collection: AnswerSource, asked: QuestionRequest) -> tuple[int, Answer | None]:
    """The state of the index, and the answer where it was given over that state."""
    answers = collection.answers
    if answers is None:
        return 0, None
    return answers.generation(), None if asked.anew else answers.find(asked.question, asked.history)


def _told_again(answer: Answer) -> Iterator[Event]:
    """The events of an answer that is there already."""
    yield PassagesFound(answer.passages)
    if answer.short_answer:
        yield PhraseFound(answer.short_answer)
    if answer.status == "answered":
        yield Token(answer.answer)
    yield Finished(answer)


class _Work:
    """An assistant's events, which one thread steps through and another may close: closing waits for the step at hand,
    and that ends early once it is `unwanted`."""

    def __init__(self, events: Iterator[Event]) -> None:
        self.unwanted = CancelToken()
        self._events = events
        self._lock = threading.Lock()

    def step(self) -> Event | None:
        """The next event; `None` after the last, or when it is unwanted."""
        with self._lock, cancel_scope(self.unwanted):
            if self.unwanted.is_set():
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
    """How long a question is waited for: `seconds`, or until `halted` is set."""

    def __init__(self, seconds: float, halted: asyncio.Event) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._halt = asyncio.ensure_future(halted.wait())

    async def wait(self, awaited: Awaitable[T]) -> T:
        """What `awaited` gives. Raises `Cancelled` or `DeadlinePassed` if that is too late."""
        task = asyncio.ensure_future(awaited)
        left = max(0.0, self._until - time.monotonic())
        try:
            await asyncio.wait({task, self._halt}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
        finally:
            task.cancel()
        if self._halt.done():
            raise Cancelled
        raise DeadlinePassed(within=round(self._seconds))

    def close(self) -> None:
        self._halt.cancel()


@cache
def _workers() -> ThreadPoolExecutor:
    # The loop's own executor has a few threads for each core: with six that wait, a seventh could not even search.
    return ThreadPoolExecutor(_THREADS, "jawab-answer")


async def _off_the_loop(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_workers(), work)
