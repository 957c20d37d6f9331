"""Delayed deletion of articles, with undo.

Articles disappear from the list at once, and from the index after `UNDO_SECONDS` or when the server stops; an undo
before that changes no index. A deletion that fails with a retryable error is retried; after any other error the article
is listed again.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Collection

from index.errors import ArticleMissing, JawabError
from ui.logs import LOGGER_NAMES

UNDO_SECONDS = 20.0
"""Seconds in which a deletion can be undone."""
_RETRY_SECONDS = 5.0
"""Seconds until a deletion is retried, when the index is locked or the disk is full."""
_ERRORS = (JawabError, OSError, sqlite3.Error)
"""Errors that a deletion may raise."""
_log = logging.getLogger(f"{LOGGER_NAMES}.pending_deletions")


class PendingDeletions:
    """Pending deletions. `remove` deletes articles from the index; it may raise any of `_ERRORS`."""

    def __init__(self, remove: Callable[[list[str]], None], wait: float = UNDO_SECONDS) -> None:
        self._remove = remove
        self._delay = wait
        self._lock = threading.Lock()
        self._timers: dict[str, threading.Timer] = {}
        self._started: set[str] = set()
        """The ids in `_timers` whose deletion has begun and cannot be undone."""
        self._closed = False

    @property
    def waiting(self) -> Collection[str]:
        """The ids of the articles with a pending deletion."""
        with self._lock:
            return frozenset(self._timers)

    def take_out(self, article_id: str) -> None:
        """Delete an article after the delay. After `close`, delete it at once; this may raise any of `_ERRORS`."""
        if not self._start(article_id):
            self._remove_now(article_id)

    def at_once(self, article_id: str) -> None:
        """Delete an article now. May raise any of `_ERRORS`, except that a missing article is not an error."""
        self.bring_back(article_id)
        self._remove_now(article_id)

    def bring_back(self, article_id: str) -> bool:
        """Cancel the deletion of an article; return whether one was pending."""
        with self._lock:
            if article_id in self._started:
                return False
            timer = self._timers.pop(article_id, None)
        if timer:
            timer.cancel()
        return timer is not None

    def finish(self) -> None:
        """Carry out the pending deletions now. A failure is logged, and the article is listed again."""
        with self._lock:
            waiting = {
                article_id: timer for article_id, timer in self._timers.items() if article_id not in self._started
            }
            running = [timer for article_id, timer in self._timers.items() if article_id in self._started]
            self._started.update(waiting)
        for timer in waiting.values():
            timer.cancel()
        for article_id in waiting:
            self._try(article_id, last=True)
        for timer in running:
            timer.join()

    def close(self) -> None:
        """Carry out the pending deletions now; later ones are immediate, without undo."""
        with self._lock:
            self._closed = True
        self.finish()

    def _start(self, article_id: str) -> bool:
        """Schedule a deletion, unless one has begun; return False after `close`, when nothing is scheduled."""
        timer = self._timer(article_id, self._delay)
        with self._lock:
            if self._closed or article_id in self._started:
                return not self._closed
            previous = self._timers.get(article_id)
            self._timers[article_id] = timer
        if previous:
            previous.cancel()
        timer.start()
        return True

    def _timer(self, article_id: str, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._on_timer, (article_id,))
        timer.daemon = True
        return timer

    def _on_timer(self, article_id: str) -> None:
        with self._lock:
            if self._timers.get(article_id) is not threading.current_thread() or article_id in self._started:
                return
            self._started.add(article_id)
        if not self._try(article_id, last=False):
            self._try_later(article_id)

    def _try_later(self, article_id: str) -> None:
        timer = self._timer(article_id, _RETRY_SECONDS)
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
        """Delete an article; return False if the error is retryable, unless this is the `last` try."""
        is_over = True
        try:
            self._remove_now(article_id)
        except _ERRORS as error:
            is_over = last or not (isinstance(error, JawabError) and error.retryable)
            if is_over:
                _log.error("removal_failed", exc_info=error)
        finally:
            if is_over:
                with self._lock:
                    self._timers.pop(article_id, None)
                    self._started.discard(article_id)
        return is_over

    def _remove_now(self, article_id: str) -> None:
        try:
            self._remove([article_id])
        except ArticleMissing:
            # Already deleted elsewhere: nothing left to do.
            return
