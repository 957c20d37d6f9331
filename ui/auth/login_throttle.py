"""Wrong passwords, by the address that they come from: after a few, further ones of that address are slowed down.

Only the address that guesses waits, and a right password of it is taken after the wait. It is refused unlooked at only
where so many others of the same address are waiting already that its turn would not come for long.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.types import Scope

from index.errors import JawabError

FREE = 5
"""Wrong passwords of an address before it is slowed down."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0
"""Seconds between two tries of an address; each wrong one doubles them."""
PATIENCE = 30.0
"""Longest wait of a try, in seconds."""
FORGOTTEN_AFTER = 600.0
"""Seconds after its last wrong password for which an address is remembered."""
MOST_CLIENTS = 10_000
"""Addresses that are remembered, the latest."""


class LoginThrottled(JawabError):
    """This address has sent too many wrong passwords; after `seconds` it may try again."""

    code = "guessed_too_often"
    retryable = True


@dataclass
class _Tries:
    wrong: int = 0
    last: float = 0.0
    next_at: float = 0.0

    @property
    def pause(self) -> float:
        # No power of a number that anybody may drive up.
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.wrong - FREE, 32)) if self.wrong >= FREE else 0.0


class LoginThrottle:
    """The wrong passwords of late. For one event loop."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, _Tries] = OrderedDict()

    async def wait(self, client: str) -> None:
        """Until a password of `client` may be looked at. Raises `LoginThrottled` where that would take too long."""
        tries = self._clients.get(client)
        now = time.monotonic()
        if tries is None or tries.last < now - FORGOTTEN_AFTER:
            self._clients.pop(client, None)
            return
        turn = max(now, tries.next_at)
        if turn - now > PATIENCE:
            raise LoginThrottled(seconds=_whole(turn - now))
        tries.next_at = turn + tries.pause
        if turn > now:
            await asyncio.sleep(turn - now)

    def add_wrong(self, client: str) -> None:
        """A wrong one. Raises `LoginThrottled` from the one after the `FREE` ones on."""
        tries = self._clients.setdefault(client, _Tries())
        self._clients.move_to_end(client)
        while len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        now = time.monotonic()
        tries.wrong += 1
        tries.last = now
        tries.next_at = max(tries.next_at, now + tries.pause)
        if tries.wrong > FREE:
            raise LoginThrottled(seconds=_whole(tries.next_at - now))

    def forget(self, client: str) -> None:
        """It has sent the right one."""
        self._clients.pop(client, None)


def client_of(scope: Scope) -> str:
    """The address of who asks; of IPv6 its network, as one computer has 2^64 addresses. Behind a proxy on this computer
    it is what the proxy names: uvicorn puts it here."""
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
