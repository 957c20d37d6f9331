"""Shutdown of `jawab serve`: a real process, real signals, and clients of every kind in the middle of a request."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from benchmarks.page_client import PageClient, Seen
from index.fakes import HashEmbedder
from index.indexer import update_index
from qa.llm.llama_cpp_llm import LlamaCppLLM
from tests.conftest import MODELS

QUESTION = "How many US troops remain in Iraq?"
CHAT = {"model": "jawab", "messages": [{"role": "user", "content": QUESTION}]}
WITHIN = 10.0
"""Seconds that the shutdown may take."""
FAKES = {"JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake"}


@dataclass
class RunningServer:
    """A running server, and the requests in progress."""

    process: subprocess.Popen[str]
    port: int
    threads: dict[str, threading.Thread] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run_in_background(self, name: str, do: Callable[[], Any]) -> None:
        """Does something in a thread; its result goes to `results`."""

        def run() -> None:
            self.results[name] = do()

        self.threads[name] = threading.Thread(target=run, daemon=True)
        self.threads[name].start()

    def ask(self, name: str, path: str, **body: Any) -> None:
        """Asks in the background. The response must be complete, or this raises."""
        self.run_in_background(name, lambda: httpx.post(f"{self.address}{path}", json=body, timeout=60))

    def wait_for(self, questions: int) -> None:
        """Waits until so many questions are in progress, and a little longer."""
        until = time.monotonic() + 60
        while f"jawab_questions_in_progress {questions}.0" not in httpx.get(f"{self.address}/metrics", timeout=60).text:
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(0.5)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> float:
        """Stops it and waits for the requests in progress; the seconds until the process ended."""
        began = time.monotonic()
        self.process.send_signal(with_signal)
        self.process.wait(WITHIN + 5)
        took = time.monotonic() - began
        print(f"the process ended {took:.1f} s after the signal")
        for thread in self.threads.values():
            thread.join(5)
        return took


@contextmanager
def serving(folder: Path, command: list[str], **more: str) -> Iterator[RunningServer]:
    """A server process that is ready. `command` is its command line."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {
        f"JAWAB_{name.upper()}": str(folder / name) for name in ("index", "conversations", "collections", "uploads")
    }
    environment = {**os.environ, **places, **more}
    words = [str(port) if word == "PORT" else word for word in command]
    with ExitStack() as stack:
        log = stack.enter_context((folder / "stderr").open("w"))
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=log, text=True, env=environment
            )
        )
        stack.callback(process.kill)
        served = RunningServer(process, port)
        while not answers(f"{served.address}/ready"):
            assert process.poll() is None, (folder / "stderr").read_text()
            time.sleep(0.2)
        yield served


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=60).is_success
    except httpx.TransportError:
        return False


@contextmanager
def serving_slowly(folder: Path, *manners: str, **more: str) -> Iterator[RunningServer]:
    """A server whose fake LLM is slow in these ways (tests/slow_server.py)."""
    update_index(folder / "index", [Path("samples/articles")], HashEmbedder())
    with serving(folder, ["-m", "tests.slow_server", "PORT", *manners], **FAKES, **more) as served:
        yield served


def events(body: str) -> list[tuple[str, dict[str, Any]]]:
    return [(name, json.loads(data)) for name, data in re.findall(r"event: (\w+)\ndata: (.*)\n\n", body)]


def open_without_reading(served: RunningServer, path: str, size: int | None = None, **body: Any) -> socket.socket:
    """A connection with a request of whose response only the beginning is read."""
    connection = socket.socket()
    if size:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    connection.connect(("127.0.0.1", served.port))
    data = json.dumps(body).encode()
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    connection.sendall(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
    assert connection.recv(12).startswith(b"HTTP/1.1 200")
    return connection


class RecordingPageClient(PageClient):
    """A client of the page that records every message about an answer."""

    heard: ClassVar[list[str]] = []

    @staticmethod
    def _take(message: dict[str, Any], after: float, seen: Seen) -> bool:
        RecordingPageClient.heard.append(json.dumps(message))
        return PageClient._take(message, after, seen)


def messages_on_page(served: RunningServer) -> str:
    """Asks on the page; every message about the answer."""

    async def ask() -> None:
        client = RecordingPageClient(served.address, "en")
        await client.open()
        # When the server stops in the middle, the page can no longer confirm that it has received everything.
        with suppress(httpx.TransportError):
            await client.ask(QUESTION)
        await client.close()

    asyncio.run(ask())
    return "".join(RecordingPageClient.heard)


@pytest.fixture(scope="module")
def stopped_server(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunningServer, float, str]:
    """A server that was stopped while clients of every kind waited for an LLM that writes for a minute, and while a
    trace collector accepted data and never responded."""
    folder = tmp_path_factory.mktemp("told")
    with socket.create_server(("127.0.0.1", 0)) as silent, ExitStack() as stack:
        traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        served = stack.enter_context(serving_slowly(folder, "words", **traces, JAWAB_LOG="json"))
        served.ask("stream", "/v1/ask", question=QUESTION, stream=True)
        served.wait_for(1)
        served.ask("whole", "/v1/ask", question=QUESTION)
        served.ask("openai stream", "/v1/chat/completions", **CHAT, stream=True)
        served.ask("openai whole", "/v1/chat/completions", **CHAT)
        served.run_in_background("page", lambda: messages_on_page(served))
        stack.enter_context(open_without_reading(served, "/health"))
        stack.enter_context(open_without_reading(served, "/gradio_api/heartbeat/abc"))
        with socket.create_connection(("127.0.0.1", served.port)) as strange:
            strange.sendall(b"\x00\r\n\r\n")
            assert b"400" in strange.recv(100)
        served.wait_for(5)
        took = served.stop(signal.SIGINT)
    return served, took, (folder / "stderr").read_text()


class TestShutdownDuringRequests:
    def test_process_exits_cleanly_within_timeout(self, stopped_server: tuple[RunningServer, float, str]) -> None:
        served, took, _ = stopped_server
        assert served.process.returncode == 0 and took < WITHIN

    def test_log_records_shutdown_and_nothing_private(self, stopped_server: tuple[RunningServer, float, str]) -> None:
        lines = [json.loads(line) for line in stopped_server[2].splitlines()]
        assert {"request", "question", "log"} == {line["event"] for line in lines}
        questions = [line for line in lines if line["event"] == "question"]
        assert [(line["status"], line["code"]) for line in questions] == [("failed", "shutting_down")] * 5
        assert "uvicorn.error" in {line.get("logger") for line in lines} and "troops" not in stopped_server[2]
        assert not any("traceback" in line for line in lines)

    def test_stream_ends_with_retryable_error(self, stopped_server: tuple[RunningServer, float, str]) -> None:
        *earlier, (name, error) = events(stopped_server[0].results["stream"].text)
        assert [name for name, _ in earlier[:2]] == ["passages", "token"]
        assert name == "error" and error["code"] == "shutting_down" and error["retryable"] and error["status"] == 503

    def test_request_without_stream_gets_503_problem(self, stopped_server: tuple[RunningServer, float, str]) -> None:
        answer = stopped_server[0].results["whole"]
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
        assert (
            answer.json()["code"] == "shutting_down" and answer.json()["request_id"] == answer.headers["x-request-id"]
        )

    def test_openai_clients_get_openai_errors(self, stopped_server: tuple[RunningServer, float, str]) -> None:
        results = stopped_server[0].results
        assert results["openai whole"].status_code == 503
        assert results["openai whole"].json()["error"]["code"] == "shutting_down"
        last = results["openai stream"].text.strip().rpartition("data: ")[2]
        assert json.loads(last)["error"]["code"] == "shutting_down"

    def test_page_is_notified_before_its_streams_end(self, stopped_server: tuple[RunningServer, float, str]) -> None:
        assert "Jawab is being stopped" in stopped_server[0].results["page"]


def test_shutdown_finishes_short_requests_and_cancels_long_ones(tmp_path: Path) -> None:
    with serving_slowly(tmp_path, "soon", "step") as served:
        served.ask("soon", "/v1/ask", question=QUESTION)
        served.wait_for(1)
        # Different questions: the answer to the first would come from the cache.
        served.ask("whole", "/v1/ask", question="How many US soldiers remain in Iraq?")
        served.ask("stream", "/v1/ask", question="How many American troops remain in Iraq?", stream=True)
        served.wait_for(3)
        took = served.stop()
    assert served.process.returncode == 0 and took < WITHIN
    assert served.results["soon"].json()["status"] == "answered"
    assert served.results["whole"].status_code == 503 and served.results["whole"].json()["code"] == "shutting_down"
    assert events(served.results["stream"].text)[-1][1]["code"] == "shutting_down"


def test_unread_stream_does_not_block_shutdown(tmp_path: Path) -> None:
    with serving_slowly(tmp_path, "flood") as served:
        silent = open_without_reading(served, "/v1/ask", size=4096, question=QUESTION, stream=True)
        served.wait_for(1)
        took = served.stop()
        silent.close()
    assert served.process.returncode == 0 and took < WITHIN


@pytest.mark.real
def test_shutdown_during_answer_of_real_models(
    tmp_path: Path, real_index: Path, real_generator: LlamaCppLLM, real_cache: Path
) -> None:
    shutil.copytree(real_index, tmp_path / "index")
    command = ["-c", "from ui.cli import main; main()", "serve", "--port", "PORT"]
    with serving(tmp_path, command, JAWAB_MODELS=str(MODELS), XDG_CACHE_HOME=str(real_cache)) as served:
        body = {"question": QUESTION, "stream": True}
        with httpx.stream("POST", f"{served.address}/v1/ask", json=body, timeout=60) as response:
            lines = response.iter_lines()
            assert any("event: token" in line for line in lines)
            served.ask("whole", "/v1/ask", question="When does the tram open?")
            served.wait_for(2)
            took = served.stop()
            name = [line for line in lines if line.startswith("event: ")][-1]
    assert served.process.returncode == 0 and took < WITHIN
    assert name in ("event: answer", "event: error")
    assert served.results["whole"].status_code in (200, 503)
