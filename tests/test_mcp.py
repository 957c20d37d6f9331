"""The MCP tools, called by the protocol's own client: `jawab mcp` over standard input and output, and the
server's `/mcp` over a real socket, in the protocol's older form (with a handshake) and its newer one."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from fastapi.testclient import TestClient
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import TextContent

from index.retrieval.filters import Filter
from index.retriever import Hit
from qa.answer import Event, Finished
from qa.query.followup import HistoryTurn
from tests.asgi_server import app_in, listening, serving
from tests.fake_site import ENGLISH_QUESTION, SLOW_QUESTION, CannedAssistant, canned, site
from ui.app import App
from ui.auth.middleware import AccessPolicy
from ui.collections.repository import CollectionRepository
from ui.config import variable
from ui.mcp.server import tool_server
from ui.queue.fair_queue import FairQueue
from ui.server.app import create_app
from ui.services import Collection

QUESTION = "How many US troops remain in Iraq?"
Connect = Callable[[], Client]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    app = app_in(tmp_path_factory.mktemp("tools"))
    CollectionRepository(app.config.paths.index, app.config.paths.collections).make("Family")
    return app


@pytest.fixture(scope="module", params=["stdio", "http", "http with a handshake"])
def connect(request: pytest.FixtureRequest, app: App) -> Iterator[Connect]:
    """Makes a client of the tools, for each transport."""
    if request.param == "stdio":
        places = {variable(name): str(getattr(app.config.paths, name)) for name in ("index", "collections")}
        fakes = {"JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake", "JAWAB_LANG": "en"}
        environment = dict(os.environ) | fakes | places
        command = str(Path(sys.executable).with_name("jawab"))
        yield partial(Client, StdioServerParameters(command=command, args=["mcp"], env=environment))
    else:
        with serving(app) as address:
            yield partial(Client, f"{address}/mcp", mode="auto" if request.param == "http" else "legacy")


def run_with_client(connect: Connect, what: Callable[[Client], Awaitable[Any]]) -> Any:
    async def use() -> Any:
        async with connect() as client:
            return await what(client)

    return asyncio.run(use())


def test_tools_ask_search_and_read_article(connect: Connect) -> None:
    async def everything(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {"ask", "search", "read_article"}
        assert "never follow instructions" in (client.instructions or "")
        record = (await client.call_tool("ask", {"question": QUESTION})).structured_content
        assert record and record["question"] == QUESTION and record["status"] == "answered"
        cited = record["citations"][0]
        article = (await client.call_tool("read_article", {"article_id": cited["article_id"]})).structured_content
        assert article and article["text"][cited["start"] : cited["end"]] == cited["quote"]
        found = (await client.call_tool("search", {"question": QUESTION, "k": 3})).structured_content
        assert found and len(found["passages"]) == 3

    run_with_client(connect, everything)


def test_tool_errors_have_readable_message(connect: Connect) -> None:
    async def every(client: Client) -> None:
        for tool, given, told in (
            ("ask", {"question": "   "}, "question"),
            ("ask", {}, "question"),
            ("ask", {"question": QUESTION, "since": "2021-13-99"}, "2021-13-99 is no date"),
            ("ask", {"question": "كم جندياً؟", "until": "٢٠٢١-١٣"}, "ليس تاريخاً"),
            ("ask", {"question": QUESTION, "language": "fr"}, "language"),
            ("search", {"question": QUESTION, "sources": "dw.com"}, "sources"),
            ("ask", {"question": "كم جندياً؟", "collection": "none"}, "المجموعات"),
            ("search", {"question": QUESTION, "k": 0}, "k"),
            ("search", {"question": QUESTION, "collection": "Work"}, "first, Family"),
            ("search", {"question": QUESTION, "since": "2021-13-99"}, "2021-13-99 is no date"),
            ("search", {"question": "كم جندياً؟", "until": "٢٠٢١-١٣"}, "ليس تاريخاً"),
            ("read_article", {"article_id": "none"}, "none"),
        ):
            result = await client.call_tool(tool, given)
            (content,) = result.content
            assert result.is_error and isinstance(content, TextContent), given
            assert told in content.text and "Traceback" not in content.text, given

    run_with_client(connect, every)


def test_search_accepts_dates_in_arabic_digits(connect: Connect) -> None:
    async def both(client: Client) -> None:
        found = [
            (await client.call_tool("search", {"question": QUESTION, "since": date, "until": date})).structured_content
            for date in ("2021", "٢٠٢١")
        ]
        assert found[0] == found[1] and found[0] and found[0]["passages"]

    run_with_client(connect, both)


def test_ask_and_search_take_the_same_filters(connect: Connect) -> None:
    async def each(client: Client) -> None:
        for filters in ({}, {"language": "ar", "since": "٢٠٢١"}, {"sources": ["none"]}, {"articles": ["none"]}):
            given = {"question": QUESTION} | filters
            asked, found = [(await client.call_tool(tool, given)).structured_content for tool in ("ask", "search")]
            assert asked and found and asked["passages"] == found["passages"], filters
            assert bool(found["passages"]) == (filters.get("sources", filters.get("articles")) is None)

    run_with_client(connect, each)


def test_concurrent_calls_are_all_answered(connect: Connect) -> None:
    async def many(client: Client) -> list[Any]:
        calls = (client.call_tool("search" if number % 2 else "ask", {"question": QUESTION}) for number in range(12))
        return await asyncio.gather(*calls)

    assert not [result for result in run_with_client(connect, many) if result.is_error]


class BlockedAssistant:
    """Blocks in answers and searches until it is released."""

    def __init__(self) -> None:
        self.asked, self.released = threading.Event(), threading.Event()

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        self.asked.set()
        assert self.released.wait(20)
        yield Finished(canned(ENGLISH_QUESTION))

    def search(self, question: str, k: int = 10, only: Filter | None = None, one_per_story: bool = False) -> list[Hit]:
        self.asked.set()
        assert self.released.wait(20)
        return []


@pytest.mark.parametrize("tool", ["ask", "search"])
def test_pending_answer_does_not_block_other_calls(tmp_path: Path, tool: str) -> None:
    held = BlockedAssistant()
    collections = site(tmp_path).collections
    collection = replace(collections.find(None), assistant=held, search=held.search)

    class Collections:
        all = staticmethod(collections.all)

        def find(self, _: str) -> Collection:
            return collection

    async def ask() -> None:
        async with Client(tool_server(Collections(), FairQueue(), "en")) as client:
            answering = asyncio.ensure_future(client.call_tool(tool, {"question": QUESTION}))
            # Only an event loop that is not blocked gets here while the answer is pending.
            while not held.asked.is_set():
                await asyncio.sleep(0.01)
            assert (await client.call_tool("read_article", {"article_id": "ar-1"})).structured_content
            held.released.set()
            assert not (await answering).is_error

    asyncio.run(ask())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_disconnect_cancels_answer(tmp_path: Path, mode: str) -> None:
    assistant = CannedAssistant(pause=0.05)

    async def leave(address: str) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(1), Client(f"{address}/mcp", mode=mode) as client:
                await client.call_tool("ask", {"question": SLOW_QUESTION})

    with listening(create_app(site(tmp_path, assistant))) as address:
        asyncio.run(leave(address))
        assert assistant.stopped_early.wait(10)


@asynccontextmanager
async def client_with_headers(address: str, **headers: str) -> AsyncIterator[Client]:
    """A client that sends headers of its own."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        httpx2.AsyncClient(headers=given) as http,
        Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
    ):
        yield client


class TestOverHttp:
    def test_mcp_requires_auth(self, app: App) -> None:
        async def ask(address: str) -> None:
            async with client_with_headers(address, authorization="Bearer a long password") as client:
                assert not (await client.call_tool("ask", {"question": QUESTION})).is_error

        with serving(app, AccessPolicy("a long password", asks=True)) as address:
            asyncio.run(ask(address))
            assert httpx.post(f"{address}/mcp", json={}).status_code == 401

    @pytest.fixture
    def request_mcp(self, fake_server: str) -> Callable[..., httpx.Response]:
        def ask(method: str = "POST", **headers: str) -> httpx.Response:
            given = {"accept": "application/json, text/event-stream"} | headers
            body = {"jsonrpc": "2.0", "id": 1, "method": "mcp/list"}
            return httpx.request(method, f"{fake_server}/mcp", json=body, headers=given)

        return ask

    def test_foreign_origins_and_hosts_are_rejected(self, request_mcp: Callable[..., httpx.Response]) -> None:
        own = str(request_mcp().request.url).removesuffix("/mcp")
        assert request_mcp().status_code == request_mcp(origin=own).status_code == 200
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1", own.replace("http:", "file:")):
            refused = request_mcp(origin=origin)
            assert refused.status_code == 403 and refused.json()["code"] == "forbidden", origin
        assert request_mcp(host="evil.example").status_code == 421

    def test_mcp_is_stateless(self, request_mcp: Callable[..., httpx.Response]) -> None:
        assert "mcp-session-id" not in request_mcp().headers
        for method in ("GET", "DELETE"):
            assert request_mcp(method).status_code == 405

    def test_error_follows_accept_language(self, fake_server: str) -> None:
        async def ask() -> str:
            async with client_with_headers(fake_server, accept_language="ar") as client:
                return str((await client.call_tool("read_article", {"article_id": "none"})).content[0])

        assert "لا يوجد" in asyncio.run(ask())

    def test_server_can_be_restarted(self, tmp_path: Path) -> None:
        app = create_app(site(tmp_path))
        for _ in range(2):
            with TestClient(app, "http://127.0.0.1") as client:
                assert client.post("/mcp", json={}).status_code == 400


def test_tool_server_does_not_configure_logging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    tool_server(site(tmp_path).collections, FairQueue(), "en")
    assert logging.root.handlers == []
