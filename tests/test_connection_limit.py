"""Connection limits over real sockets: slow request heads, too many connections, uninterrupted long responses."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.asgi_server import listening
from ui.auth.connection_limit import ConnectionLimits
from ui.config import ServerSettings
from ui.server.serve import server_config

HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"
THREE = [ServerSettings(max_connections=3), ServerSettings(max_connections_per_client=3)]
SOON = ServerSettings(head_seconds=0.5)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once, on /slow for two seconds, and on /length after reading the whole body."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/length":
        length = sum([len(part) async for part in Request(scope, receive).stream()])
        await PlainTextResponse(str(length))(scope, receive, send)
    elif scope["path"] == "/slow":
        await StreamingResponse(_slowly())(scope, receive, send)
    else:
        await PlainTextResponse("ok")(scope, receive, send)


async def _slowly() -> Iterator[bytes]:  # type: ignore[misc]
    for _ in range(20):
        await asyncio.sleep(0.1)
        yield b"word "


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trusts no local proxy, so that this computer counts as an ordinary client."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "192.0.2.1")


@contextmanager
def connected(address: str, count: int = 1) -> Iterator[list[socket.socket]]:
    """Open `count` connections and send nothing."""
    host, port = address.removeprefix("http://").split(":")
    with ExitStack() as all_of_them:
        yield [all_of_them.enter_context(socket.create_connection((host, int(port)), 10)) for _ in range(count)]


def seconds_until_closed(one: socket.socket) -> float:
    began = time.monotonic()
    try:
        while one.recv(65536):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - began


def start_slow_response(one: socket.socket) -> None:
    """Request a slow response and wait for its status line."""
    one.sendall(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
    assert one.recv(15) == b"HTTP/1.1 200 OK"


class TestRequestHeads:
    @pytest.mark.parametrize("sent", [b"", b"G", HEAD])
    def test_late_request_head_closes_connection(self, sent: bytes) -> None:
        with listening(app, SOON) as address, connected(address) as (one,):
            one.sendall(sent)
            assert 0.2 < seconds_until_closed(one) < 3

    def test_byte_by_byte_request_head_closes_connection(self) -> None:
        with listening(app, SOON) as address, connected(address) as (one,):
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                while time.monotonic() - began < 5:
                    one.sendall(b"a")
                    time.sleep(0.05)
            assert time.monotonic() - began < 3

    def test_late_second_request_head_closes_connection(self) -> None:
        with listening(app, SOON) as address, connected(address) as (one,):
            one.sendall(HEAD + b"\r\n")
            assert one.recv(12) == b"HTTP/1.1 200"
            one.sendall(HEAD)
            assert seconds_until_closed(one) < 3

    def test_slow_unread_body_closes_connection(self) -> None:
        with listening(app, SOON) as address, connected(address) as (one,):
            one.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")
            began = time.monotonic()
            with pytest.raises(ConnectionError):
                while time.monotonic() - began < 8:
                    one.sendall(b"a")
                    time.sleep(0.05)

    def test_too_long_request_head_is_rejected(self) -> None:
        with listening(app) as address, connected(address) as (one,):
            one.sendall(HEAD + b"x: " + b"a" * 400_000)
            assert one.recv(12) == b"HTTP/1.1 400"

    def test_slow_response_has_no_timeout(self) -> None:
        with listening(app, SOON) as address:
            assert httpx.get(f"{address}/slow").text == "word " * 20

    def test_slow_request_body_has_no_timeout(self) -> None:
        def slowly() -> Iterator[bytes]:
            for _ in range(10):
                time.sleep(0.1)
                yield b"a" * 1000

        with listening(app, SOON) as address:
            assert httpx.post(f"{address}/length", content=slowly()).text == "10000"

    def test_connection_is_reused(self) -> None:
        with listening(app, SOON) as address, httpx.Client() as client:
            for _ in range(4):
                assert client.get(address).text == "ok"
                time.sleep(0.3)


class TestConnectionCount:
    @pytest.mark.usefixtures("no_proxy")
    @pytest.mark.parametrize("settings", THREE)
    def test_excess_connection_is_rejected_while_all_are_busy(self, settings: ServerSettings) -> None:
        with listening(app, settings) as address, connected(address, 3) as three:
            for one in three:
                start_slow_response(one)
            with connected(address) as (another,):
                assert another.recv(12) == b"HTTP/1.1 503"
            for one in three:
                seconds_until_closed(one)
            assert httpx.get(address).text == "ok"

    @pytest.mark.usefixtures("no_proxy")
    @pytest.mark.parametrize("settings", THREE)
    def test_oldest_idle_connection_is_closed_for_new_one(self, settings: ServerSettings) -> None:
        with listening(app, settings) as address, connected(address, 3) as (busy, idle, newer):
            start_slow_response(busy)
            time.sleep(0.1)
            assert httpx.get(address).text == "ok"
            assert seconds_until_closed(idle) < 1
            newer.sendall(HEAD + b"\r\n")
            assert newer.recv(12) == b"HTTP/1.1 200"

    def test_proxy_is_exempt_from_client_limit(self) -> None:
        with listening(app, ServerSettings(max_connections_per_client=1)) as address, connected(address, 3) as three:
            for one in three:
                start_slow_response(one)
            assert httpx.get(address).text == "ok"

    @pytest.mark.parametrize(
        ("proxies", "host", "counted"),
        [
            ("127.0.0.1,::1", "127.0.0.1", False), ("127.0.0.1, ::1", "::1", False), ("127.0.0.1", "10.0.0.1", True),
            ("10.0.0.0/8", "10.2.3.4", False), ("*", "10.2.3.4", False), ("proxy.sock", "10.2.3.4", True),
            ("10.0.0.0/8", "", True),
        ],
    )  # fmt: skip
    def test_trusted_proxies_are_not_counted(self, proxies: str, host: str, counted: bool) -> None:
        connections = ConnectionLimits(proxies, ServerSettings.model_construct(max_connections_per_client=0))
        assert connections.admit(object(), host) is not counted  # type: ignore[arg-type]


def test_tcp_user_timeout_is_set() -> None:
    """Linux ends connections whose client stops reading; accepted sockets inherit the option set by `_bind`."""
    from ui.server.serve import _bind

    bound = _bind("127.0.0.1", 0)
    with bound:
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert bound.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_websockets_are_disabled() -> None:
    config = server_config(app)
    config.load()
    assert config.ws_protocol_class is None
