"""The API is what it says it is: schemathesis asks a real server thousands of things that its description allows, and
many that it does not, with all checks."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from index.build import update
from index.fakes import HashEmbedder

HERE = Path(__file__).parent
CASES = 500
"""Cases that are tried at the least."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    update(tmp_path / "index", [Path("samples/articles")], HashEmbedder())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {
        f"JAWAB_{name.upper()}": str(tmp_path / name) for name in ("index", "conversations", "collections", "brought")
    }
    environment = os.environ | places | {"JAWAB_EMBEDDER": "fake", "JAWAB_LLM": "fake"}
    command = [str(Path(sys.executable).with_name("jawab")), "serve", "--port", str(port)]
    with (tmp_path / "told").open("w") as told:
        server = subprocess.Popen(command, env=environment, stdout=told, stderr=told)
    deadline = time.monotonic() + 120
    while not answers(f"http://127.0.0.1:{port}/ready"):
        assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "told").read_text()
        time.sleep(0.2)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    assert server.wait(20) == 0
    assert "Traceback" not in (tmp_path / "told").read_text()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_it_does_what_its_description_says(address: str, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run",
        f"{address}/openapi.json", "--checks", "all", "--max-examples", "10", "--continue-on-failure", "--seed", "7",
        "--no-shrink", "--no-color", "--suppress-health-check", "all", "--max-time", "50",
    ]  # fmt: skip
    # pytest-timeout would end it without a word.
    ran = subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=tmp_path, env=with_path())
    tried = re.search(r"(\d+) generated", ran.stdout)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert tried and int(tried[1]) >= CASES, ran.stdout[-2000:]


def with_path() -> dict[str, str]:
    """The hooks are a module of the suite."""
    return os.environ | {"PYTHONPATH": str(HERE.parent)}
