"""A client that disconnects before its answer is complete: the work for it is cancelled on every endpoint."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.asgi_server import listening
from tests.fake_site import ENGLISH_QUESTION, site
from tests.test_fair_queue import Gated
from ui.server.app import create_app

CHAT = {"model": "jawab", "messages": [{"role": "user", "content": ENGLISH_QUESTION}]}


@pytest.fixture
def assistant() -> Gated:
    return Gated()


@pytest.fixture
def address(assistant: Gated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    served = site(tmp_path)
    opened = replace(served.collections.find(None), assistant=assistant)
    monkeypatch.setattr(served.collections, "find", lambda _: opened)
    with listening(create_app(served)) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/ask", {"question": ENGLISH_QUESTION}),
        ("/v1/ask", {"question": ENGLISH_QUESTION, "stream": True}),
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", CHAT | {"stream": True}),
    ],
)
def test_client_disconnect_cancels_answer(address: str, assistant: Gated, path: str, body: dict[str, Any]) -> None:
    def ask() -> None:
        with httpx.Client(trust_env=False) as client:
            try:
                with client.stream("POST", address + path, json=body, timeout=1) as response:
                    for _ in response.iter_bytes():
                        pass
            except httpx.ReadTimeout:
                return  # the client gives up and closes the connection

    asking = threading.Thread(target=ask)
    asking.start()
    deadline = time.monotonic() + 10
    while not assistant.asked:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not assistant.closed.is_set()
    asking.join(10)
    assert assistant.closed.wait(5)
