"""The API matches its OpenAPI schema: schemathesis sends a real server thousands of requests, valid and invalid, with
all checks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.fakes import HashEmbedder
from index.indexer import update_index
from tests.conftest import SAMPLES
from tests.server_process import ServerProcess

HERE = Path(__file__).parent
CASES = 300
"""Minimum number of generated cases."""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    update_index(tmp_path / "index", [SAMPLES / "articles"], HashEmbedder())
    with ServerProcess(tmp_path) as server:
        yield server.address
        server.end()
        assert server.ended == 0
        assert "Traceback" not in server.told


def test_api_matches_openapi_schema(address: str, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run",
        f"{address}/openapi.json", "--checks", "all", "--max-examples", "10", "--continue-on-failure", "--seed", "7",
        "--no-shrink", "--no-color", "--suppress-health-check", "all", "--max-time", "30",
    ]  # fmt: skip
    # A timeout of pytest-timeout would show no output.
    ran = subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=tmp_path, env=with_path())
    tried = re.search(r"(\d+) generated", ran.stdout)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert tried and int(tried[1]) >= CASES, ran.stdout[-2000:]


def with_path() -> dict[str, str]:
    """The environment, with a path to the hooks, which are a module of the test suite."""
    return os.environ | {"PYTHONPATH": str(HERE.parent)}
