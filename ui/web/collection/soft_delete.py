"""Articles that are taken out of the collection, with a while to change one's mind.

They leave the list at once and the index when the while is over, or when the server stops: until then nothing has to be
undone. A removal that fails is tried again where that may help; else the article is in the list again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection

from index.errors import ArticleMissing, JawabError
from ui.logs import LOGGER_NAMES

UNDO_SECONDS = 20.0
"""Seconds in which a removal can be taken back."""
_AGAIN = 5.0
"""Seconds until the next try where something else is writing to the index, or the disk is full."""
_ERRORS = (JawabError, OSError, sqlite3.Error)
"""What a removal may fail with."""
_log = logging.getLogger(f"{LOGGER_NAMES}.removals")


class PendingDeletions:
    """Removals that wait. `remove` takes articles out of the index; it may raise any of `_ERRORS`."""

    def __init__(self, remove: Callable[[list[str]], None], wait: float = UNDO_SECONDS) -> None:
        self._remove = remove
        self._wait = wait
        self._lock = threading.Lock()
        self._timers: dict[str, threading.Timer] = {}
        self._started: set[str] = set()
        """The ids in `_timers` whose removal has begun: it cannot be taken back."""
        self._closed = False

    @property
    def waiting(self) -> Collection[str]:
        """The ids of the articles that are on their way out."""
        with self._lock:
            return frozenset(self._timers)

    def take_out(self, article_id: str) -> None:
        """Take an article out when the while is over; after `close` at once, and then it raises what `remove` does."""
        if not self._start(article_id):
            self._take(article_id)

    def at_once(self, article_id: str) -> None:
        """Take an article out now. Raises what `remove` raises, but for an article that has gone already."""
        self.bring_back(article_id)
        self._take(article_id)

    def bring_back(self, article_id: str) -> bool:
        """Keep an article after all; whether it was still there."""
        with self._lock:
            if article_id in self._started:
                return False
            timer = self._timers.pop(article_id, None)
        if timer:
            timer.cancel()
        return timer is not None

    def finish(self) -> None:
        """Take out at once what waits. What fails is logged, and in the list again."""
        with self._lock:
            waiting = {each: timer for each, timer in self._timers.items() if each not in self._started}
            running = [timer for each, timer in self._timers.items() if each in self._started]
            self._started.update(waiting)
        for timer in waiting.values():
            timer.cancel()
        for article_id in waiting:
            self._try(article_id, last=True)
        for timer in running:
            timer.join()

    def close(self) -> None:
        """Take out at once what waits, and from now on: nobody can change their mind any more."""
        with self._lock:
            self._closed = True
        self.finish()

    def _start(self, article_id: str) -> bool:
        """Whether the removal waits: nothing does after `close`. One that has begun does not begin again."""
        timer = self._timer(article_id, self._wait)
        with self._lock:
            if self._closed or article_id in self._started:
                return not self._closed
            earlier = self._timers.get(article_id)
            self._timers[article_id] = timer
        if earlier:
            earlier.cancel()
        timer.start()
        return True

    def _timer(self, article_id: str, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._over, (article_id,))
        timer.daemon = True
        return timer

    def _over(self, article_id: str) -> None:
        with self._lock:
            if self._timers.get(article_id) is not threading.current_thread() or article_id in self._started:
                return
            self._started.add(article_id)
        if not self._try(article_id, last=False):
            self._try_later(article_id)

    def _try_later(self, article_id: str) -> None:
        timer = self._timer(article_id, _AGAIN)
        with self._lock:
            closed = self._closed
            if not closed:
                self._started.discard(article_id)
                self._timers[article_id] = timer
        if closed:
            self._try(article_id, last=True)
        else:
            timer.start()

    def _try(self, article_id: str, last: bool) -> bool:
        """Take an article out. False where it may help to try again, unless this is the `last` try."""
        ended = True
        try:
            self._take(article_id)
        except _ERRORS as error:
            ended = last or not (isinstance(error, JawabError) and error.retryable)
            if ended:
                _log.error("removal_failed", exc_info=error)
        finally:
            if ended:
                with self._lock:
                    self._timers.pop(article_id, None)
                    self._started.discard(article_id)
        return ended

    def _take(self, article_id: str) -> None:
        try:
            self._remove([article_id])
        except ArticleMissing:
            # Somebody else took it out: that is what was wanted.
            return
