"""Servers of OpenAI's chat API on this machine: one made for tests, which does as it is told, and a real one."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from qa.fakes import FakeLLM
from qa.llm.base import Message, Prompt
from qa.llm.llama_library import LlamaConfiguration

Request = dict[str, Any]
"""The body of a request."""


class ChatHandler(BaseHTTPRequestHandler):
    """One request; `sent` and `streamed` answer it."""

    server: FakeChatServer

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.names(self)

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(request)
        self.server.keys.append(self.headers["Authorization"])
        try:
            self.server.answers(self, request)
        except ConnectionError:
            self.server.left.set()

    def sent(self, body: bytes | object, status: int = 200, **headers: str) -> None:
        """An answer at once: bytes as they are, all else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def streamed(self, pieces: Sequence[str] | Iterator[str], end: str | None = "stop") -> None:
        """An answer piece by piece, and its end, if there is one."""
        self.sent(b": they begin with a comment\n\n")
        for piece in pieces:
            self.event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        if end:
            self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": end}]})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, data: object) -> None:
        self.wfile.write(f"data: {json.dumps(data)}\r\n\r\n".encode())

    def log_message(self, format: str, *args: object) -> None: ...


Answers = Callable[[ChatHandler, Request], None]


class FakeChatServer(ThreadingHTTPServer):
    """A server whose model is the fake LLM, unless `answers` or `names` are given others to answer with."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ChatHandler)
        self.names: Callable[[ChatHandler], None] = models("a-model", "another-model")
        self.answers: Answers = as_the_fake_llm
        self.paths: list[str] = []
        self.asked: list[Request] = []
        self.keys: list[str | None] = []
        self.left = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: object, client_address: object) -> None: ...


def models(*names: str) -> Callable[[ChatHandler], None]:
    return lambda handler: handler.sent({"object": "list", "data": [{"id": name} for name in names]})


def streams(*pieces: str, end: str | None = "stop") -> Answers:
    """Writes these pieces."""
    return lambda handler, _: handler.streamed(pieces, end)


def says(body: bytes | object, status: int = 200, **headers: str) -> Answers:
    """Answers this, whatever is asked."""
    return lambda handler, _: handler.sent(body, status, **headers)


def completion(text: str, *tokens: object) -> dict[str, Any]:
    """A whole answer, with its tokens where they are told."""
    choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"choices": [choice | ({"logprobs": {"content": list(tokens)}} if tokens else {"logprobs": None})]}


def token(text: str, logprob: float, **others: float) -> dict[str, Any]:
    """A token that was written, and what could stand in its place."""
    likeliest = [{"token": name, "logprob": other, "bytes": None} for name, other in others.items()]
    return {"token": text, "logprob": logprob, "bytes": None, "top_logprobs": likeliest}


def as_the_fake_llm(handler: ChatHandler, request: Request) -> None:
    """A sentence is asked for in a stream, a phrase at once."""
    messages = tuple(Message(**message) for message in request["messages"])
    prompt, most = Prompt(messages[:-1], messages[-1:]), request["max_tokens"]
    if request.get("stream"):
        handler.streamed(list(FakeLLM().stream(prompt, most)))
        return
    draft = FakeLLM().generate_candidate(prompt, most, "none")
    text = "none" if draft.refusal is not None and draft.refusal > math.log(0.5) else draft.text
    first, *rest = text.split()
    others = {first: -0.05, "none": draft.refusal or 0.0}
    handler.sent(completion(text, token(first, -0.05, **others), *(token(f" {word}", -0.05) for word in rest)))


@contextmanager
def fake_chat_server() -> Iterator[FakeChatServer]:
    server = FakeChatServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


_SERVER = """
import runpy
from qa.llm.llama_library import LlamaConfiguration, load_library
configuration = {configuration!r}
library = load_library(configuration.backend).llama_cpp
default = library.llama_model_default_params
def parameters():
    parameters = default()
    parameters.use_extra_bufts = configuration.extra_buffers
    return parameters
library.llama_model_default_params = parameters
runpy.run_module("llama_cpp.server", run_name="__main__", alter_sys=True)
"""
"""The server has no option for a configuration that passed the self-test, so it is set before the server starts."""


@contextmanager
def llama_cpp_server(model: Path, configuration: LlamaConfiguration) -> Iterator[str]:
    """llama-cpp-python's own server with a model, in a process of its own: its address."""
    port = free_port()
    options = {
        "model": model, "host": "127.0.0.1", "port": port, "n_ctx": 4096, "n_threads": os.cpu_count(),
        # As the LLM in this process is set; the heads of prompts are kept, or each change of them would cost 10 s.
        "flash_attn": "true", "cache": "true", "cache_size": 4 * 2**30,
        # Its default stops an answer when somebody else asks.
        "interrupt_requests": "false",
        # With its default it tells log-probabilities, and each state that it keeps takes 2.5 GB.
        "logits_all": "false",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER.format(configuration=configuration), *words],
        cwd=Path(__file__).parent.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}/v1"
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    while True:
        assert process.poll() is None, "llama-cpp-python's server did not start"
        try:
            httpx.get(f"{address}/models", trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.2)
