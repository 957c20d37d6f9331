"""Answers that were given a moment ago, over an index that has not changed since.

Nothing is drawn at random here: asked once more, the same question would get the same answer. One that comes from here
says so (`cached` in the record), and its times are those of this request.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qa.answer import Answer, Timings
from qa.query.followup import HistoryTurn

MOST = 500
"""Answers of one collection that are kept, the latest used."""
MOST_BYTES = 16_000_000
"""Bytes that they may take, as JSON."""


@dataclass(frozen=True)
class _Kept:
    generation: int
    answer: Answer
    size: int


class AnswerCache:
    """Answers of one collection; `generation` tells the state of its index, and `found` is told of each that is used
    again. Safe to use from several threads."""

    def __init__(
        self,
        generation: Callable[[], int],
        most: int = MOST,
        found: Callable[[Answer], None] = lambda _: None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.generation = generation
        self._found = found
        self._most = most
        self._lock = threading.Lock()
        self._most_bytes = most_bytes
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of the answers that are kept."""
        return self._size

    def find(self, question: str, history: Sequence[HistoryTurn]) -> Answer | None:
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

    def keep(self, question: str, history: Sequence[HistoryTurn], answer: Answer, generation: int) -> None:
        """Keep an answer; `generation` is that of the index before it was asked."""
        key, size = _key(question, history), _size(answer)
        with self._lock:
            before = self._kept.pop(key, None)
            self._kept[key] = _Kept(generation, answer, size)
            self._size += size - (before.size if before else 0)
            while len(self._kept) > self._most or self._size > self._most_bytes:
                self._size -= self._kept.popitem(last=False)[1].size


def _key(question: str, history: Sequence[HistoryTurn]) -> bytes:
    """A digest: what was said before may be long, and nobody needs it back."""
    asked = json.dumps([question, [[one.question, one.phrase] for one in history]])
    return hashlib.sha256(asked.encode()).digest()


def _size(answer: Answer) -> int:
    return len(json.dumps(answer.to_json(), ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _now(then: Timings, took: float) -> Timings:
    """What happened then is all there now."""
    return Timings(*(None if time is None else took for time in (then.search, then.short_answer, then.first_token, 0)))
