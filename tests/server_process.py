"""`jawab serve` as a process of its own, with the fakes: started, asked, ended as gently or as roughly as one likes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

ROOT = Path(__file__).parent.parent
_START = "from ui.cli import main; main()"
_SECONDS = 120


class ServerProcess:
    """A server over the folders in `place`, as a context; `start` it again where it has ended."""

    def __init__(self, place: Path) -> None:
        self.index, self.uploads = place / "index", place / "uploads"
        self._log = place / "serve.log"
        self._environment = dict(os.environ) | {
            "JAWAB_EMBEDDER": "fake",
            "JAWAB_LLM": "fake",
            "JAWAB_LANG": "en",
            "JAWAB_INDEX": str(self.index),
            "JAWAB_UPLOADS": str(self.uploads),
            "JAWAB_COLLECTIONS": str(place / "collections"),
            "JAWAB_CONVERSATIONS": str(place / "conversations.sqlite"),
            "JAWAB_LOGINS": str(place / "logins.json"),
        }
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Returns when it answers."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-c", _START, "serve", "--port", str(self.port)]
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + _SECONDS
        while True:
            assert self.ended is None and time.monotonic() < deadline, self.told
            try:
                self.get("/health")
                return
            except httpx.TransportError:
                time.sleep(0.1)

    @property
    def ended(self) -> int | None:
        """The status that the process ended with; `None` while it runs."""
        return self._process.poll()

    @property
    def told(self) -> str:
        """All that it printed."""
        return self._log.read_text(encoding="utf-8")

    def kill(self) -> None:
        """SIGKILL: whatever it is at, it does nothing more."""
        self._process.kill()
        self._process.wait()

    def end(self) -> float:
        """SIGTERM; the seconds until it has ended."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_SECONDS)
        return time.monotonic() - began

    def get(self, path: str) -> Any:
        """What a GET answers, as JSON."""
        return httpx.get(self.address + path, timeout=_SECONDS).json()

    def over(self, job: str) -> dict[str, Any]:
        """A job once it is over."""
        deadline = time.monotonic() + _SECONDS
        while True:
            found: dict[str, Any] = self.get(f"/v1/jobs/{job}")
            if found["state"] not in ("queued", "reading"):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
