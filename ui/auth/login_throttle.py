"""Throttling of password guesses: after a few wrong passwords, further attempts from that address are delayed.

Only the guessing address waits, and a right password is accepted after the wait. An attempt is refused unchecked only
if so many others from its address are waiting that its turn would take too long.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.types import Scope

from ui.errors import RequestError

FREE_ATTEMPTS = 5
"""Wrong passwords of an address before it is delayed."""
FIRST_PAUSE, MAX_PAUSE = 1.0, 10.0
"""Seconds between two attempts of an address, doubled by each wrong one."""
MAX_DELAY_SECONDS = 30.0
"""Maximum wait of an attempt, in seconds."""
FORGOTTEN_AFTER = 600.0
"""Seconds after its last wrong password until an address is forgotten."""
MAX_CLIENTS = 10_000
"""Maximum remembered addresses (the latest)."""


class LoginThrottled(RequestError):
    """This address has sent too many wrong passwords; it may retry after `seconds`."""

    code = "login_throttled"
    status = 429
    retryable = True


@dataclass
class _Tries:
    wrong: int = 0
    last: float = 0.0
    next_at: float = 0.0

    @property
    def pause(self) -> float:
        # The exponent is capped: a client can raise `wrong` without bound.
        return (
            min(MAX_PAUSE, FIRST_PAUSE * 2.0 ** min(self.wrong - FREE_ATTEMPTS, 32))
            if self.wrong >= FREE_ATTEMPTS
            else 0.0
        )


class LoginThrottle:
    """Recent wrong passwords by address. For one event loop."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, _Tries] = OrderedDict()

    async def wait(self, client: str) -> None:
        """Wait until a password of `client` may be checked. Raises `LoginThrottled` if that would take too long."""
        tries = self._clients.get(client)
        now = time.monotonic()
        if tries is None or tries.last < now - FORGOTTEN_AFTER:
            self._clients.pop(client, None)
            return
        turn = max(now, tries.next_at)
        if turn - now > MAX_DELAY_SECONDS:
            raise LoginThrottled(seconds=_whole(turn - now))
        tries.next_at = turn + tries.pause
        if turn > now:
            await asyncio.sleep(turn - now)

    def add_wrong(self, client: str) -> None:
        """Count a wrong password. Raises `LoginThrottled` once there are more than `FREE_ATTEMPTS`."""
        tries = self._clients.setdefault(client, _Tries())
        self._clients.move_to_end(client)
        while len(self._clients) > MAX_CLIENTS:
            self._clients.popitem(last=False)
        now = time.monotonic()
        tries.wrong += 1
        tries.last = now
        tries.next_at = max(tries.next_at, now + tries.pause)
        if tries.wrong > FREE_ATTEMPTS:
            raise LoginThrottled(seconds=_whole(tries.next_at - now))

    def forget(self, client: str) -> None:
        """Reset `client` after a right password."""
        self._clients.pop(client, None)


def client_of(scope: Scope) -> str:
    """Return the client's address; for IPv6 its /64 network, since one computer has 2^64 addresses. Behind a proxy on
    this computer it is the address that the proxy names, which uvicorn puts in the scope.
    """
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))
