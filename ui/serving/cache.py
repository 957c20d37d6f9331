"""Answers that were given a moment ago, over an index that has not changed since.

Nothing is drawn at random here: asked once more, the same question would get the same answer. One that comes from here
says so (`cached` in the record), and its times are those of this request.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qa.answer import Answer, Timings
from qa.asking.conversation import Exchange

MOST = 500
"""Answers of one collection that are kept, the latest used: some megabytes."""

Key = tuple[str, tuple[Exchange, ...]]


@dataclass(frozen=True)
class _Kept:
    generation: int
    answer: Answer


class AnswerCache:
    """Answers of one collection; `generation` tells the state of its index, and `found` is told of each that is used
    again. Safe to use from several threads."""

    def __init__(
        self, generation: Callable[[], int], most: int = MOST, found: Callable[[Answer], None] = lambda _: None
    ) -> None:
        self.generation = generation
        self._found = found
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()

    def find(self, question: str, history: Sequence[Exchange]) -> Answer | None:
        """The answer that was given to this question after this history, if the index is as it was then."""
        began = time.perf_counter()
        generation, key = self.generation(), _key(question, history)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.generation != generation:
                return None
            self._kept.move_to_end(key)
        took = round((time.perf_counter() - began) * 1000, 1)
        answer = replace(kept.answer, cached=True, timings_ms=_now(kept.answer.timings_ms, took))
        self._found(answer)
        return answer

    def keep(self, question: str, history: Sequence[Exchange], answer: Answer, generation: int) -> None:
        """Keep an answer; `generation` is that of the index before it was asked."""
        with self._lock:
            self._kept[_key(question, history)] = _Kept(generation, answer)
            self._kept.move_to_end(_key(question, history))
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _key(question: str, history: Sequence[Exchange]) -> Key:
    return question, tuple(history)


def _now(then: Timings, took: float) -> Timings:
    """What happened then is all there now."""
    return Timings(*(None if time is None else took for time in (then.search, then.short_answer, then.first_token, 0)))
