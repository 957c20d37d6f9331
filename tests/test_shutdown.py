"""The end of `jawab serve`: a real process, real signals, clients of every kind in the middle of something."""

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
"""Seconds that the end may take."""
FAKES = {"JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake"}


@dataclass
class Served:
    """A server that runs, and what is going on with it."""

    process: subprocess.Popen[str]
    port: int
    threads: dict[str, threading.Thread] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def meanwhile(self, name: str, do: Callable[[], Any]) -> None:
        """Do something in a thread; what it gives is found in `results`."""

        def run() -> None:
            self.results[name] = do()

        self.threads[name] = threading.Thread(target=run, daemon=True)
        self.threads[name].start()

    def ask(self, name: str, path: str, **body: Any) -> None:
        """Ask meanwhile. The response must come to an end of its own, or this raises."""
        self.meanwhile(name, lambda: httpx.post(f"{self.address}{path}", json=body, timeout=60))

    def wait_for(self, questions: int) -> None:
        """Until so many are under way, and a little longer."""
        until = time.monotonic() + 60
        while f"jawab_questions_under_way {questions}.0" not in httpx.get(f"{self.address}/metrics", timeout=60).text:
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(0.5)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> float:
        """Tell it to stop; the seconds until it has, and all that went on with it."""
        began = time.monotonic()
        self.process.send_signal(with_signal)
        self.process.wait(WITHIN + 5)
        took = time.monotonic() - began
        print(f"the process ended {took:.1f} s after the signal")
        for thread in self.threads.values():
            thread.join(5)
        return took


@contextmanager
def serving(folder: Path, command: list[str], **more: str) -> Iterator[Served]:
    """A server as a process, ready. `command` is how it is called, up to its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {
        f"JAWAB_{name.upper()}": str(folder / name) for name in ("index", "conversations", "collections", "brought")
    }
    environment = {**os.environ, **places, **more}
    words = [str(port) if word == "PORT" else word for word in command]
    with ExitStack() as stack:
        told = stack.enter_context((folder / "stderr").open("w"))
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, *words], stdout=subprocess.DEVNULL, stderr=told, text=True, env=environment
            )
        )
        stack.callback(process.kill)
        served = Served(process, port)
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
def slow(folder: Path, *manners: str, **more: str) -> Iterator[Served]:
    """A server whose LLM writes in these manners."""
    update_index(folder / "index", [Path("samples/articles")], HashEmbedder())
    with serving(folder, ["-m", "tests.slow_server", "PORT", *manners], **FAKES, **more) as served:
        yield served


def events(body: str) -> list[tuple[str, dict[str, Any]]]:
    return [(name, json.loads(data)) for name, data in re.findall(r"event: (\w+)\ndata: (.*)\n\n", body)]


def opened(served: Served, path: str, size: int | None = None, **body: Any) -> socket.socket:
    """A connection with a request that nobody reads the answer of, but for its beginning."""
    connection = socket.socket()
    if size:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    connection.connect(("127.0.0.1", served.port))
    data = json.dumps(body).encode()
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    connection.sendall(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
    assert connection.recv(12).startswith(b"HTTP/1.1 200")
    return connection


class Listener(PageClient):
    """A page that keeps all that it is told of an answer."""

    heard: ClassVar[list[str]] = []

    @staticmethod
    def _take(message: dict[str, Any], after: float, seen: Seen) -> bool:
        Listener.heard.append(json.dumps(message))
        return PageClient._take(message, after, seen)


def on_the_page(served: Served) -> str:
    """All that a page was told of an answer."""

    async def ask() -> None:
        client = Listener(served.address, "en")
        await client.open()
        # Where the server is told to stop in the middle, the page cannot say any more that it has heard all.
        with suppress(httpx.TransportError):
            await client.ask(QUESTION)
        await client.close()

    asyncio.run(ask())
    return "".join(Listener.heard)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Served, float, str]:
    """A server that was told to stop while clients of every kind waited for an LLM that writes for a minute, and while
    a collector of traces takes what it is sent and says nothing."""
    folder = tmp_path_factory.mktemp("told")
    with socket.create_server(("127.0.0.1", 0)) as silent, ExitStack() as stack:
        traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        served = stack.enter_context(slow(folder, "words", **traces, JAWAB_LOG="json"))
        served.ask("stream", "/v1/ask", question=QUESTION, stream=True)
        served.wait_for(1)
        served.ask("whole", "/v1/ask", question=QUESTION)
        served.ask("openai stream", "/v1/chat/completions", **CHAT, stream=True)
        served.ask("openai whole", "/v1/chat/completions", **CHAT)
        served.meanwhile("page", lambda: on_the_page(served))
        stack.enter_context(opened(served, "/health"))
        stack.enter_context(opened(served, "/gradio_api/heartbeat/abc"))
        with socket.create_connection(("127.0.0.1", served.port)) as strange:
            strange.sendall(b"\x00\r\n\r\n")
            assert b"400" in strange.recv(100)
        served.wait_for(5)
        took = served.stop(signal.SIGINT)
    return served, took, (folder / "stderr").read_text()


class TestClientsAreTold:
    def test_the_process_ends_well_and_in_time(self, told: tuple[Served, float, str]) -> None:
        served, took, _ = told
        assert served.process.returncode == 0 and took < WITHIN

    def test_its_log_tells_it_all_and_nothing_private(self, told: tuple[Served, float, str]) -> None:
        lines = [json.loads(line) for line in told[2].splitlines()]
        assert {"request", "question", "log"} == {line["event"] for line in lines}
        questions = [line for line in lines if line["event"] == "question"]
        assert [(line["status"], line["code"]) for line in questions] == [("failed", "stopping")] * 5
        assert "uvicorn.error" in {line.get("logger") for line in lines} and "troops" not in told[2]
        assert not any("traceback" in line for line in lines)

    def test_a_stream_ends_with_an_error_that_can_be_retried(self, told: tuple[Served, float, str]) -> None:
        *earlier, (name, error) = events(told[0].results["stream"].text)
        assert [name for name, _ in earlier[:2]] == ["passages", "token"]
        assert name == "error" and error["code"] == "stopping" and error["retryable"] and error["status"] == 503

    def test_who_waits_for_a_whole_answer_gets_a_problem(self, told: tuple[Served, float, str]) -> None:
        answer = told[0].results["whole"]
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
        assert answer.json()["code"] == "stopping" and answer.json()["request_id"] == answer.headers["x-request-id"]

    def test_openais_clients_get_its_errors(self, told: tuple[Served, float, str]) -> None:
        results = told[0].results
        assert results["openai whole"].status_code == 503
        assert results["openai whole"].json()["error"]["code"] == "stopping"
        last = results["openai stream"].text.strip().rpartition("data: ")[2]
        assert json.loads(last)["error"]["code"] == "stopping"

    def test_the_page_is_told_before_its_streams_end(self, told: tuple[Served, float, str]) -> None:
        assert "Jawab is being stopped" in told[0].results["page"]


def test_what_is_nearly_done_is_finished_and_no_long_step_waited_for(tmp_path: Path) -> None:
    with slow(tmp_path, "soon", "step") as served:
        served.ask("soon", "/v1/ask", question=QUESTION)
        served.wait_for(1)
        # Others than that one: its answer would be told again.
        served.ask("whole", "/v1/ask", question="How many US soldiers remain in Iraq?")
        served.ask("stream", "/v1/ask", question="How many American troops remain in Iraq?", stream=True)
        served.wait_for(3)
        took = served.stop()
    assert served.process.returncode == 0 and took < WITHIN
    assert served.results["soon"].json()["status"] == "answered"
    assert served.results["whole"].status_code == 503 and served.results["whole"].json()["code"] == "stopping"
    assert events(served.results["stream"].text)[-1][1]["code"] == "stopping"


def test_a_client_that_does_not_read_keeps_nothing_alive(tmp_path: Path) -> None:
    with slow(tmp_path, "flood") as served:
        silent = opened(served, "/v1/ask", size=4096, question=QUESTION, stream=True)
        served.wait_for(1)
        took = served.stop()
        silent.close()
    assert served.process.returncode == 0 and took < WITHIN


@pytest.mark.real
def test_with_the_real_models_in_the_middle_of_an_answer(
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
