"""`jawab serve` for a benchmark: a process of its own, with folders of its own, ready when it is given."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_PATIENCE = 300.0
"""Seconds that it may take to load the models."""


@contextmanager
def serving(
    work: Path, port: int, index: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The server over `index`, or the one in `work`, where all else that it keeps is too."""
    kept = {f"JAWAB_{name.upper()}": str(work / name) for name in ("index", "conversations", "collections", "uploads")}
    command = [str(Path(sys.executable).with_name("jawab")), "serve", "--port", str(port)]
    command += ["--index", str(index)] if index else []
    environment = os.environ | kept | dict(settings or {})
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _is_ready(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server did not start")
            time.sleep(0.5)
        yield server
    finally:
        server.terminate()
        server.wait(60)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=60):
            return True
    except (urllib.error.URLError, OSError):
        return False
