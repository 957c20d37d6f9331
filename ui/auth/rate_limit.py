"""Rate limits of API keys."""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from ui.auth.api_keys import APIKey
from ui.errors import RequestError


class RateLimited(RequestError):
    """This key has made its maximum of requests in a minute; it may make one more in `seconds`."""

    code = "rate_limited"
    status = 429
    retryable = True


class RateLimiter:
    """Count the requests of each key over the last minute (a moving window: no burst at the turn of the minute)."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count(self, key: APIKey) -> None:
        """Count one request. Raises `RateLimited`."""
        most = RateLimitItemPerMinute(key.per_minute)
        if not self._limiter.hit(most, key.digest):
            again = self._limiter.get_window_stats(most, key.digest).reset_time
            raise RateLimited(most=key.per_minute, seconds=max(1, math.ceil(again - time.time())))
