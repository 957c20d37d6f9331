"""Limits on open connections, in total and per client, and on the time to receive the head of a request.

Answers have no time limit here; bodies have their own limits (`body_limit.py`).
"""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from ui.auth.login_throttle import client_of
from ui.config import ServerSettings

MAX_HEAD_BYTES = 16 * 1024
"""Maximum bytes of a request's first line and headers."""
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 10\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 22\r\n\r\nToo many connections.\n"
)
_ALL = "*"


class ConnectionLimits:
    """The open connections of one event loop. `proxies` are addresses and networks in uvicorn's format: a proxy serves
    many clients, so only the total limit applies to it.
    """

    def __init__(self, proxies: str, settings: ServerSettings | None = None) -> None:
        self.settings = settings or ServerSettings()
        self._trusts_all = proxies.strip() == _ALL
        self._proxies = [network for each in proxies.split(",") if (network := _network(each.strip()))]
        # In the order of connecting.
        self._clients: dict[BoundedConnection, str | None] = {}

    def admit(self, connection: BoundedConnection, host: str) -> bool:
        """Return True if a new connection is accepted. At the limit, the oldest idle connection is closed for it."""
        client = None if self._is_proxy(host) else client_of({"client": (host, 0)})
        own = [one for one, of in self._clients.items() if of == client]
        if client is not None and not _has_room(own, self.settings.max_connections_per_client):
            return False
        if not _has_room(list(self._clients), self.settings.max_connections):
            return False
        self._clients[connection] = client
        return True

    def forget(self, connection: BoundedConnection) -> None:
        """Remove a closed connection."""
        self._clients.pop(connection, None)

    def _is_proxy(self, host: str) -> bool:
        if self._trusts_all:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._proxies)


class BoundedConnection(H11Protocol):
    """uvicorn's HTTP connection, counted in `open_ones`."""

    open_ones: ClassVar[ConnectionLimits]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for a request, or refuse the connection."""
        super().connection_made(transport)
        self._waiting: asyncio.TimerHandle | None = None
        if self.open_ones.admit(self, self.client[0] if self.client else ""):
            self._watch()
        else:
            transport.write(_FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.open_ones.forget(self)
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch()

    @property
    def has_request(self) -> bool:
        """True while a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def is_idle(self) -> bool:
        """True if closing loses nothing: no request is open and every response is fully sent."""
        return not self.has_request and not self.transport.get_write_buffer_size()

    def cut(self) -> None:
        """Abort the connection, discarding unsent data."""
        self.open_ones.forget(self)
        self.transport.abort()

    def _watch(self) -> None:
        """Start or stop the timeout for the next head, or for the unread rest of a body whose request was answered."""
        if self.has_request:
            self._stop_waiting()
        elif self._waiting is None and not self.transport.is_closing():
            self._waiting = self.loop.call_later(self.open_ones.settings.head_seconds, self.cut)

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None


def bounded(connections: ConnectionLimits) -> type[BoundedConnection]:
    """Return the protocol class for uvicorn, bound to these connections."""
    of_these: dict[str, Any] = {"open_ones": connections}
    return type(BoundedConnection.__name__, (BoundedConnection,), of_these)


def _has_room(connections: list[BoundedConnection], most: int) -> bool:
    """Return True if there are fewer than `most`, or if an idle one could be closed."""
    if len(connections) < most:
        return True
    idle = next((one for one in connections if one.is_idle), None)
    if idle:
        idle.cut()
    return idle is not None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
