"""How often a key may ask."""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from index.errors import JawabError
from ui.gate.keys import Key


class AskedTooOften(JawabError):
    """This key has made as many requests as it may in a minute; in `seconds` it may make one more."""

    code = "asked_too_often"
    retryable = True


class Rates:
    """Counts the requests of keys, over the last minute (a moving window: no burst at the turn of the minute)."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, key: Key) -> None:
        """One more request. Raises `AskedTooOften`."""
        most = RateLimitItemPerMinute(key.per_minute)
        if not self._limiter.hit(most, key.digest):
            again = self._limiter.get_window_stats(most, key.digest).reset_time
            raise AskedTooOften(most=key.per_minute, seconds=max(1, math.ceil(again - time.time())))
