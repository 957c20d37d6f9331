"""The path of a question through the server: fair queue, positions, limits, cached answers and cancellation."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from index.errors import IndexMissing
from index.retrieval.filters import Filter
from qa.answer import Answer, Event, Finished, PassagesFound, Token
from qa.cancellation import Cancelled, CancelToken, cancel_scope, check_cancelled
from qa.query.followup import HistoryTurn
from tests.fake_site import ENGLISH_QUESTION, ERROR_QUESTION, SLOW_QUESTION, CannedAssistant, canned
from ui.config import CacheSettings, QueueSettings
from ui.protocols import AnswerStream
from ui.queue.answer_cache import AnswerCache
from ui.queue.fair_queue import FairQueue, QueueFull, Ticket, TooManyQueued
from ui.queue.runner import (
    DeadlineExceeded,
    QuestionRequest,
    QueuePosition,
    StreamEvent,
    complete_answer,
    stream_answer,
)

Given = Callable[[AnswerStream], "Collection"]


@dataclass(frozen=True)
class Collection:
    """The part of a collection that a question needs."""

    assistant: AnswerStream
    answers: AnswerCache | None = None


@dataclass
class Gated:
    """An assistant that finds its passages at once, and answers when its gate is opened."""

    open: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        answer = canned(ENGLISH_QUESTION)
        try:
            yield PassagesFound(answer.passages)
            self.asked.append(question)
            while not self.open.wait(0.01):
                check_cancelled()
            yield Token(answer.answer)
            yield Finished(answer)
        finally:
            self.closed.set()


@dataclass
class CountingAssistant:
    """An assistant that counts the questions it has started."""

    begun: int = 0

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        self.begun += 1
        answer = canned(ENGLISH_QUESTION)
        yield PassagesFound(answer.passages)
        yield Finished(answer)


def run_with_timeout(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


async def collect_events(
    assistant: AnswerStream, asked: QuestionRequest, line: FairQueue | None = None
) -> list[StreamEvent]:
    return [step async for step in stream_answer(Collection(assistant), asked, line or FairQueue())]


async def wait_until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.005)


class TestQueue:
    def test_queue_serves_clients_in_turn(self) -> None:
        async def serve() -> list[str]:
            line, served = FairQueue(), list[str]()
            with ExitStack() as stack:
                stack.enter_context(line.stand("first"))
                waiting = [
                    (name, ExitStack()) for name in ("busy 1", "busy 2", "busy 3", "calm 1", "other 1", "other 2")
                ]
                places: list[tuple[str, Ticket, ExitStack]] = [
                    (name, one.enter_context(line.stand(name.split()[0])), one) for name, one in waiting
                ]
                foretold = sorted(places, key=lambda entry: entry[1].before)
            while places:
                name, _, its = next(entry for entry in places if entry[1].served)
                served.append(name)
                places = [entry for entry in places if entry[0] != name]
                its.close()
            assert served == [name for name, _, _ in foretold]
            return served

        assert run_with_timeout(serve()) == ["busy 1", "calm 1", "other 1", "busy 2", "other 2", "busy 3"]

    def test_queue_reports_position(self) -> None:
        async def stand() -> None:
            line = FairQueue()
            with line.stand("") as first, line.stand("") as second:
                with line.stand("") as third:
                    assert [place.before for place in (first, second, third)] == [0, 1, 2]
                assert third.before == 0 and line.length == 2
            assert second.before == 0 and line.length == 0

        run_with_timeout(stand())

    def test_queue_limits_total_and_per_client_length(self) -> None:
        async def stand() -> None:
            line = FairQueue(QueueSettings(max_length=4, max_length_per_client=2))
            with line.stand("one"), line.stand("one"):
                with pytest.raises(TooManyQueued) as refused:
                    line.stand("one").__enter__()
                assert int(str(refused.value.fields["seconds"])) >= 1
                with line.stand(""), line.stand(""), pytest.raises(QueueFull):
                    line.stand("another").__enter__()
            with line.stand("one"):
                pass

        run_with_timeout(stand())

    def test_queue_serves_several_at_once(self) -> None:
        async def stand() -> None:
            line = FairQueue(QueueSettings(concurrency=2))
            with line.stand("a") as first, line.stand("a") as second, line.stand("b") as third:
                assert (first.served, second.served, third.served, third.before) == (True, True, False, 2)

        run_with_timeout(stand())

    def test_queue_turn_before_waiting_is_not_missed(self) -> None:
        async def stand() -> None:
            line, first = FairQueue(), ExitStack()
            first.enter_context(line.stand("first"))
            with line.stand("second") as second:
                moved = second.moved()
                first.close()
                await asyncio.wait_for(moved, 1)
                assert second.served

        run_with_timeout(stand())


class TestStreamAnswer:
    def test_passages_are_streamed_before_turn_in_queue(self) -> None:
        busy, second = Gated(), Gated()

        async def ask() -> list[StreamEvent]:
            line = FairQueue()
            first = asyncio.ensure_future(collect_events(busy, QuestionRequest("first"), line))
            await wait_until(lambda: bool(busy.asked))
            told: list[StreamEvent] = []
            async with aclosing(stream_answer(Collection(second), QuestionRequest("second"), line)) as steps:
                async for step in steps:
                    told.append(step)
                    if isinstance(step, PassagesFound):
                        assert not second.asked, "it is worked on only when its turn has come"
                        busy.open.set()
                        second.open.set()
            await first
            return told

        told = run_with_timeout(ask())
        assert (told[0], told[2]) == (QueuePosition(1), QueuePosition(0))
        names = ["QueuePosition", "PassagesFound", "QueuePosition", "Token", "Finished"]
        assert [type(step).__name__ for step in told] == names

    def test_stream_notices_turn_between_queue_positions(self) -> None:
        assistant = Gated()
        assistant.open.set()

        async def ask() -> list[StreamEvent]:
            line, first, second = FairQueue(), ExitStack(), ExitStack()
            first.enter_context(line.stand("first"))
            second.enter_context(line.stand("second"))
            told: list[StreamEvent] = []
            async with aclosing(
                stream_answer(Collection(assistant), QuestionRequest("third", seconds=5), line)
            ) as steps:
                async for step in steps:
                    told.append(step)
                    if isinstance(step, PassagesFound):
                        second.close()
                    elif step == QueuePosition(1):
                        first.close()
            return told

        assert [step.before for step in run_with_timeout(ask()) if isinstance(step, QueuePosition)] == [2, 1, 0]

    def test_cancel_interrupts_running_step(self) -> None:
        assistant = Gated()

        async def leave() -> float:
            asking = asyncio.ensure_future(complete_answer(Collection(assistant), QuestionRequest("why"), FairQueue()))
            await wait_until(lambda: bool(assistant.asked))
            asking.cancel()
            began = time.monotonic()
            await asyncio.to_thread(assistant.closed.wait, 10)
            return time.monotonic() - began

        assert run_with_timeout(leave()) < 1 and assistant.closed.is_set()

    def test_closing_stream_cancels_assistant_between_steps(self) -> None:
        assistant = CannedAssistant(pause=0.01)

        async def leave() -> None:
            events = stream_answer(Collection(assistant), QuestionRequest(SLOW_QUESTION), FairQueue())
            await anext(events)
            await events.aclose()

        run_with_timeout(leave())
        assert assistant.stopped_early.wait(5) and assistant.tokens < 10

    def test_cancel_in_queue_frees_position(self) -> None:
        busy, other = Gated(), Gated()

        async def leave() -> int:
            line = FairQueue()
            first = asyncio.ensure_future(collect_events(busy, QuestionRequest("first"), line))
            await wait_until(lambda: bool(busy.asked))
            second = asyncio.ensure_future(collect_events(other, QuestionRequest("second"), line))
            await wait_until(lambda: line.length == 2)
            second.cancel()
            await asyncio.wait({second})
            left = line.length
            busy.open.set()
            await first
            return left

        assert run_with_timeout(leave()) == 1 and not other.asked

    def test_halt_ends_stream_immediately(self) -> None:
        assistant = Gated()

        async def halt() -> list[StreamEvent]:
            halted = asyncio.Event()
            asyncio.get_running_loop().call_later(0.05, halted.set)
            return [
                step async for step in stream_answer(Collection(assistant), QuestionRequest("why"), FairQueue(), halted)
            ]

        assert [type(step).__name__ for step in run_with_timeout(halt())] == ["PassagesFound"]
        assert assistant.closed.wait(5)

    @pytest.mark.parametrize(("seconds", "most"), [(0.1, 300), (300, 0.1), (None, 0.1)])
    def test_deadline_includes_time_in_queue(self, seconds: float | None, most: float) -> None:
        busy, other = Gated(), Gated()

        async def ask() -> None:
            line = FairQueue()
            first = asyncio.ensure_future(collect_events(busy, QuestionRequest("first"), line))
            await wait_until(lambda: bool(busy.asked))
            line._limits = QueueSettings.model_construct(max_seconds=most)
            with pytest.raises(DeadlineExceeded):
                await complete_answer(Collection(other), QuestionRequest("second", seconds=seconds), line)
            busy.open.set()
            await first

        run_with_timeout(ask())
        assert not other.asked and other.closed.wait(5)

    def test_stream_raises_error_of_assistant(self) -> None:
        with pytest.raises(IndexMissing):
            run_with_timeout(collect_events(CannedAssistant(), QuestionRequest(ERROR_QUESTION)))

    def test_searches_exceed_default_thread_pool_size(self) -> None:
        there = threading.Barrier(30)

        class BarrierAssistant:
            """Finds no passages before thirty questions have been asked."""

            def stream(
                self,
                question: str,
                question_id: str | None = None,
                history: Sequence[HistoryTurn] = (),
                only: Filter | None = None,
            ) -> Iterator[Event]:
                there.wait(15)
                yield Finished(canned(ENGLISH_QUESTION))

        async def ask() -> int:
            line = FairQueue()
            answers = await asyncio.gather(
                *(collect_events(BarrierAssistant(), QuestionRequest("why"), line) for _ in range(30))
            )
            return sum(isinstance(steps[-1], Finished) for steps in answers)

        assert run_with_timeout(ask()) == 30


@pytest.mark.parametrize(
    ("asked", "begun"),
    [
        (QuestionRequest("And who leads it?", (HistoryTurn(ENGLISH_QUESTION),)), 0),
        (QuestionRequest("ومن يقودها؟", (HistoryTurn(ENGLISH_QUESTION),)), 0),
        (QuestionRequest("And who leads it?"), 1),
        (QuestionRequest(ENGLISH_QUESTION, (HistoryTurn("What else?"),)), 1),
    ],
)
def test_question_needing_rewrite_waits_in_queue(asked: QuestionRequest, begun: int) -> None:
    counting, found = CountingAssistant(), list[StreamEvent]()

    async def ask() -> None:
        line = FairQueue()
        with line.stand("another"):
            following = asyncio.ensure_future(collect(line))
            await wait_until(lambda: line.length == 2 and (not begun or bool(counting.begun)))
            await asyncio.sleep(0.1)
            assert counting.begun == begun
        await following

    async def collect(line: FairQueue) -> None:
        async for step in stream_answer(Collection(counting), asked, line):
            found.append(step)

    run_with_timeout(ask())
    assert isinstance(found[-1], Finished)
    assert [step.before for step in found if isinstance(step, QueuePosition)] == [1, 0]


class TestAnswerCache:
    @pytest.fixture
    def assistant(self) -> CannedAssistant:
        return CannedAssistant()

    def answers(
        self, assistant: CannedAssistant, *asked: QuestionRequest, generations: Sequence[int] = ()
    ) -> list[Answer]:
        """The answers in order; `generations` gives the generation of the index before each question."""
        state = [0]
        collection = Collection(assistant, AnswerCache(lambda: state[0]))

        async def ask() -> list[Answer]:
            line, found = FairQueue(), []
            for at, one in enumerate(asked):
                state[0] = generations[at] if generations else 0
                found.append(await complete_answer(collection, one, line))
            return found

        found: list[Answer] = run_with_timeout(ask())
        return found

    def test_repeated_question_returns_cached_answer(self, assistant: CannedAssistant) -> None:
        first, second = self.answers(assistant, QuestionRequest(ENGLISH_QUESTION), QuestionRequest(ENGLISH_QUESTION))
        worked_for = assistant.tokens
        assert "cached" not in first.to_json() and second.to_json()["cached"] is True
        for name in ("answer", "citations", "passages", "confidence", "short_answer", "models"):
            assert getattr(first, name) == getattr(second, name)
        assert (second.timings_ms.total or 0) < 50 and second.timings_ms.first_token is None
        assert worked_for == len(canned(ENGLISH_QUESTION).answer.split(" "))

    @pytest.mark.parametrize(
        "second",
        [
            QuestionRequest(f"{ENGLISH_QUESTION} "),
            QuestionRequest(ENGLISH_QUESTION, history=(HistoryTurn("What else?"),)),
            QuestionRequest(ENGLISH_QUESTION, anew=True),
            QuestionRequest(ENGLISH_QUESTION, only=Filter(since="2021")),
        ],
    )
    def test_different_request_misses_cache(self, assistant: CannedAssistant, second: QuestionRequest) -> None:
        assert self.answers(assistant, QuestionRequest(ENGLISH_QUESTION), second)[1].cached is None

    def test_cache_distinguishes_filters(self, assistant: CannedAssistant) -> None:
        filters = (
            None, Filter(since="2021"), Filter(until="2021"), Filter(sources=("2021",)), Filter(articles=("2021",)),
            Filter(sources=("a", "b")), Filter(sources=("a",), articles=("b",)), Filter(language="ar"),
        )  # fmt: skip
        first = self.answers(assistant, *(QuestionRequest(ENGLISH_QUESTION, only=one) for one in filters))
        assert [answer.cached for answer in first] == [None] * len(filters)
        again = (Filter(), None, Filter(language="en"), Filter(language="en"))
        answers = self.answers(assistant, *(QuestionRequest(ENGLISH_QUESTION, only=one) for one in again))
        assert [answer.cached for answer in answers] == [None, True, None, True]

    def test_index_change_invalidates_cache(self, assistant: CannedAssistant) -> None:
        same = [QuestionRequest(ENGLISH_QUESTION)] * 4
        answers = self.answers(assistant, *same, generations=(1, 1, 2, 2))
        assert [answer.cached for answer in answers] == [None, True, None, True]

    def test_cache_evicts_beyond_max_answers(self) -> None:
        cache, answer = AnswerCache(lambda: 0, CacheSettings(max_answers=2)), canned(ENGLISH_QUESTION)
        for name in ("one", "two", "three"):
            cache.keep(name, (), answer, 0)
        assert [cache.find(name, ()) is not None for name in ("one", "two", "three")] == [False, True, True]

    def test_cache_evicts_beyond_max_bytes(self) -> None:
        answer = canned(ENGLISH_QUESTION)
        size = len(json.dumps(answer.to_json(), ensure_ascii=False).encode())
        cache = AnswerCache(lambda: 0, CacheSettings(max_bytes=2 * size))
        for name in ("one", "two", "two", "three"):
            cache.keep(name, (), answer, 0)
        assert [cache.find(name, ()) is not None for name in ("one", "two", "three")] == [False, True, True]
        assert cache.size == 2 * size
        cache.keep("long", (), replace(answer, answer="x" * 3 * size), 0)
        assert cache.find("long", ()) is None and cache.size == 0

    def test_cache_does_not_store_long_history(self) -> None:
        cache, answer = AnswerCache(lambda: 0), canned(ENGLISH_QUESTION)
        tracemalloc.start()
        for number in range(10):
            history = [HistoryTurn(f"{number}" + "x" * 1_000_000)]
            cache.keep("why", history, answer, 0)
            assert cache.find("why", history)
        del history
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert held < 1_000_000

    def test_queued_duplicate_question_gets_cached_answer(self) -> None:
        assistant = Gated()
        collection, asked = Collection(assistant, AnswerCache(lambda: 0)), QuestionRequest("the same")

        async def ask() -> list[Answer]:
            line = FairQueue()
            both = [asyncio.ensure_future(complete_answer(collection, asked, line)) for _ in range(2)]
            await wait_until(lambda: line.length == 2 and bool(assistant.asked))
            assistant.open.set()
            return await asyncio.gather(*both)

        assert sorted(bool(answer.cached) for answer in run_with_timeout(ask())) == [False, True]
        assert assistant.asked == ["the same"]


def test_cancel_applies_only_within_scope() -> None:
    unwanted = CancelToken()
    check_cancelled()
    with cancel_scope(unwanted):
        check_cancelled()
        unwanted.set()
        with pytest.raises(Cancelled):
            check_cancelled()
    check_cancelled()
