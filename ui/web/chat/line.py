"""The line that questions stand in: one LLM writes one answer at a time, and who waits is told how many are before."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(eq=False)
class Place:
    """A question's place in the line."""

    line: Line

    @property
    def before(self) -> int:
        """How many questions that came earlier are not answered yet."""
        return self.line.before(self)


@dataclass
class Line:
    """Questions that are being answered or wait to be, in the order in which they came."""

    _places: list[Place] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def stand(self) -> Iterator[Place]:
        """A place at the end of the line, until the question is answered or given up."""
        place = Place(self)
        with self._lock:
            self._places.append(place)
        try:
            yield place
        finally:
            with self._lock:
                self._places.remove(place)

    def before(self, place: Place) -> int:
        """How many stand before `place`; none, if it has left the line."""
        with self._lock:
            return self._places.index(place) if place in self._places else 0
