"""Cache of recent answers, valid while the index is unchanged.

Answering is deterministic: the same question would get the same answer again. A cached answer is marked (`cached` in
the record), and its timings are those of this request.
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

MAX_ANSWERS = 500
"""Maximum cached answers of one collection (LRU)."""
MAX_BYTES = 16_000_000
"""Maximum total bytes of cached answers, as JSON."""


@dataclass(frozen=True)
class _Kept:
    generation: int
    answer: Answer
    size: int


class AnswerCache:
    """Answers of one collection. `generation` returns the state of its index; `found` is called with each cache hit.
    Safe to use from several threads.
    """

    def __init__(
        self,
        generation: Callable[[], int],
        max_answers: int = MAX_ANSWERS,
        found: Callable[[Answer], None] = lambda _: None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.generation = generation
        self._found = found
        self._max_answers = max_answers
        self._lock = threading.Lock()
        self._max_bytes = max_bytes
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Total bytes of the cached answers."""
        return self._size

    def find(self, question: str, history: Sequence[HistoryTurn]) -> Answer | None:
        """Return the cached answer to this question after this history, if the index has not changed."""
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
        """Cache an answer; `generation` is that of the index before the question was answered."""
        key, size = _key(question, history), _size(answer)
        with self._lock:
            before = self._kept.pop(key, None)
            self._kept[key] = _Kept(generation, answer, size)
            self._size += size - (before.size if before else 0)
            while len(self._kept) > self._max_answers or self._size > self._max_bytes:
                self._size -= self._kept.popitem(last=False)[1].size


def _key(question: str, history: Sequence[HistoryTurn]) -> bytes:
    """Return a digest, since the history may be long and is not needed back."""
    asked = json.dumps([question, [[one.question, one.phrase] for one in history]])
    return hashlib.sha256(asked.encode()).digest()


def _size(answer: Answer) -> int:
    return len(json.dumps(answer.to_json(), ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _now(then: Timings, took: float) -> Timings:
    """Set each timing that `then` has to `took` milliseconds."""
    return Timings(*(None if time is None else took for time in (then.search, then.short_answer, then.first_token, 0)))
