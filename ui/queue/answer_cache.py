"""Cache of recent answers, valid while the index is unchanged.

Answering is deterministic: the same question with the same filters would get the same answer again. A cached answer is
marked (`cached` in the record), and its timings are those of this request.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace

from index.retrieval.filters import Filter
from qa.answer import Answer, Timings
from qa.query.followup import HistoryTurn
from ui.config import CacheSettings


@dataclass(frozen=True)
class _CacheEntry:
    generation: int
    answer: Answer
    size: int


class AnswerCache:
    """Answers of one collection. `generation` returns the state of its index; `on_hit` is called with each cached
    answer that is found. Safe to use from several threads.
    """

    def __init__(
        self,
        generation: Callable[[], int],
        limits: CacheSettings | None = None,
        on_hit: Callable[[Answer], None] = lambda _: None,
    ) -> None:
        self.generation = generation
        self._on_hit = on_hit
        self._limits = limits or CacheSettings()
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, _CacheEntry] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Total bytes of the cached answers."""
        return self._size

    def find(self, question: str, history: Sequence[HistoryTurn], only: Filter | None = None) -> Answer | None:
        """Return the cached answer to this question after this history and with these filters, if the index has not
        changed."""
        began = time.perf_counter()
        generation, key = self.generation(), _key(question, history, only)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.generation != generation:
                return None
            self._entries.move_to_end(key)
        elapsed_ms = round((time.perf_counter() - began) * 1000, 1)
        answer = replace(entry.answer, cached=True, timings_ms=_with_all_timings(entry.answer.timings_ms, elapsed_ms))
        self._on_hit(answer)
        return answer

    def keep(
        self,
        question: str,
        history: Sequence[HistoryTurn],
        answer: Answer,
        generation: int,
        only: Filter | None = None,
    ) -> None:
        """Cache an answer; `generation` is that of the index before the question was answered."""
        key, size = _key(question, history, only), _size(answer)
        with self._lock:
            previous = self._entries.pop(key, None)
            self._entries[key] = _CacheEntry(generation, answer, size)
            self._size += size - (previous.size if previous else 0)
            while len(self._entries) > self._limits.max_answers or self._size > self._limits.max_bytes:
                self._size -= self._entries.popitem(last=False)[1].size


def _key(question: str, history: Sequence[HistoryTurn], only: Filter | None) -> bytes:
    """Return a digest of question, history and filters; the history may be long."""
    filters = astuple(only) if only else None
    serialized = json.dumps([question, [[turn.question, turn.phrase] for turn in history], filters])
    return hashlib.sha256(serialized.encode()).digest()


def _size(answer: Answer) -> int:
    return len(json.dumps(answer.to_json(), ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _with_all_timings(timings: Timings, elapsed_ms: float) -> Timings:
    """Return timings where each that was measured is `elapsed_ms`."""
    return Timings(
        *(
            None if time is None else elapsed_ms
            for time in (timings.search, timings.short_answer, timings.first_token, 0)
        )
    )
