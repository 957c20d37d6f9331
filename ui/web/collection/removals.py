"""Articles that are taken out of the collection, with a while to change one's mind.

They leave the list at once and the index when the while is over, or when the server stops: until then nothing has to be
undone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from index.errors import ArticleMissing, IndexBusy

WHILE = 20.0
"""Seconds in which a removal can be taken back."""
_AGAIN = 5.0
"""Seconds until the next try where something else is writing to the index."""


class Removals:
    """Removals that wait. `remove` takes articles out of the index; it may raise `JawabError`."""

    def __init__(self, remove: Callable[[list[str]], None], wait: float = WHILE) -> None:
        self._remove = remove
        self._wait = wait
        self._lock = threading.Lock()
        self._timers: dict[str, threading.Timer] = {}

    @property
    def waiting(self) -> Collection[str]:
        """The ids of the articles that are on their way out."""
        with self._lock:
            return frozenset(self._timers)

    def take_out(self, article_id: str) -> None:
        """Take an article out when the while is over."""
        self._start(article_id, self._wait)

    def at_once(self, article_id: str) -> None:
        """Take an article out now. Raises what `remove` raises, but for an article that has gone already."""
        self.bring_back(article_id)
        self._take(article_id)

    def bring_back(self, article_id: str) -> bool:
        """Keep an article after all; whether it was still there."""
        with self._lock:
            timer = self._timers.pop(article_id, None)
        if timer:
            timer.cancel()
        return timer is not None

    def close(self) -> None:
        """Take out at once what waits: nobody can change their mind any more."""
        with self._lock:
            waiting, self._timers = self._timers, {}
        for article_id, timer in waiting.items():
            timer.cancel()
            self._take(article_id)

    def _start(self, article_id: str, seconds: float) -> None:
        timer = threading.Timer(seconds, self._over, (article_id,))
        timer.daemon = True
        with self._lock:
            earlier = self._timers.pop(article_id, None)
            self._timers[article_id] = timer
        if earlier:
            earlier.cancel()
        timer.start()

    def _over(self, article_id: str) -> None:
        with self._lock:
            if self._timers.get(article_id) is not threading.current_thread():
                return
        try:
            self._take(article_id)
        except IndexBusy:
            self._start(article_id, _AGAIN)
            return
        with self._lock:
            self._timers.pop(article_id, None)

    def _take(self, article_id: str) -> None:
        try:
            self._remove([article_id])
        except ArticleMissing:
            # Somebody else took it out: that is what was wanted.
            return
