"""Articles that are brought to the page: received file by file, then read into the index, with progress and an end.

One bringing at a time. Its files are kept in a folder of their own, for the index remembers where articles came from;
of one that is stopped or fails nothing went in, and its folder goes.
"""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from index.build import Progress
from index.errors import JawabError
from index.plan import Summary
from index.storage.database import storage_errors
from ui.web.safe import visible

MOST_FILES = 10_000
MOST_BYTES = 1_000_000_000
_PART_BYTES, _PARTS = 120, 12
"""Bytes of one part of a path, and parts of it."""
_SEPARATORS = re.compile(r"[/\\]+")

State = Literal["receiving", "reading", "done", "stopped", "failed"]


class Stopped(Exception):
    """Whoever brought the articles changed their mind."""


class TooMuch(JawabError):
    """More files or bytes than one bringing may have."""

    code = "too_much"


class AnotherIsBrought(JawabError):
    """One bringing at a time."""

    code = "another_is_brought"
    retryable = True


@dataclass
class Bringing:
    """How far one bringing has come. It is the `Progress` of its own indexing, which it stops by raising."""

    id: str
    folder: Path
    state: State = "receiving"
    files: int = 0
    bytes: int = 0
    looked_at: int = 0
    to_look_at: int = 0
    read: int = 0
    to_read: int = 0
    began_reading: float = 0.0
    summary: Summary | None = None
    problem: JawabError | None = None
    halted: threading.Event = field(default_factory=threading.Event)

    def looked(self, files: int, of: int) -> None:
        self._go_on()
        self.looked_at, self.to_look_at = files, of

    def start(self, passages: int) -> None:
        self._go_on()
        self.to_read, self.began_reading = passages, time.monotonic()

    def advance(self, passages: int) -> None:
        self._go_on()
        self.read += passages

    @property
    def rate(self) -> float:
        """Passages a second."""
        return self.read / max(time.monotonic() - self.began_reading, 0.001)

    @property
    def seconds_left(self) -> float | None:
        """How long it will take, as far as that can be told."""
        return (self.to_read - self.read) / self.rate if self.read else None

    def _go_on(self) -> None:
        if self.halted.is_set():
            raise Stopped


class Porter:
    """Receives what is brought. `update` reads a folder into the index; it may raise `JawabError`."""

    def __init__(self, folder: Path, update: Callable[[Path, Progress], Summary]) -> None:
        self._folder = folder
        self._update = update
        self._lock = threading.Lock()
        self._latest: Bringing | None = None

    def begin(self) -> Bringing:
        """A new bringing. Raises `AnotherIsBrought` while another one is read, and `storage_errors`' errors."""
        with self._lock, storage_errors(self._folder):
            if self._latest and self._latest.state == "reading":
                raise AnotherIsBrought
            if self._latest and self._latest.state == "receiving":
                self._forget(self._latest, "stopped")
            number = secrets.token_urlsafe(12)
            self._latest = Bringing(number, self._folder / number)
            self._latest.folder.mkdir(parents=True)
            return self._latest

    def find(self, number: str) -> Bringing | None:
        """The bringing of this id, if it is the latest."""
        latest = self._latest
        return latest if latest and secrets.compare_digest(latest.id.encode(), number.encode()) else None

    def place_for(self, bringing: Bringing, name: str) -> Path:
        """Where a file is kept that was called `name` where it comes from. Raises `TooMuch`."""
        with self._lock:
            if bringing.state != "receiving" or bringing.files >= MOST_FILES:
                raise TooMuch(files=MOST_FILES, megabytes=MOST_BYTES // 1_000_000)
            bringing.files += 1
            number = bringing.files
        path = bringing.folder.joinpath(*safe_parts(name))
        # Two files of one name, from two folders that were dropped together, are two files.
        return path.with_name(f"{path.stem} ({number}){path.suffix}") if path.exists() else path

    def receive(self, bringing: Bringing, part: bytes, file: BinaryIO) -> None:
        """Write a part of a file. Raises `TooMuch`."""
        bringing.bytes += len(part)
        if bringing.bytes > MOST_BYTES:
            raise TooMuch(files=MOST_FILES, megabytes=MOST_BYTES // 1_000_000)
        with storage_errors(self._folder):
            file.write(part)

    def read(self, bringing: Bringing) -> None:
        """Begin to read what was received, in a thread of its own."""
        with self._lock:
            if bringing.state != "receiving":
                return
            bringing.state = "reading"
        threading.Thread(target=self._read, args=(bringing,), name="jawab-bringing", daemon=True).start()

    def stop(self, bringing: Bringing) -> None:
        """Stop it: at once where nothing is read yet, else at the next step of the reading."""
        bringing.halted.set()
        with self._lock:
            if bringing.state == "receiving":
                self._forget(bringing, "stopped")

    def _read(self, bringing: Bringing) -> None:
        try:
            bringing.summary = self._update(bringing.folder, bringing)
            bringing.state = "done"
        except Stopped:
            self._forget(bringing, "stopped")
        except JawabError as error:
            bringing.problem = error
            self._forget(bringing, "failed")

    @staticmethod
    def _forget(bringing: Bringing, state: State) -> None:
        shutil.rmtree(bringing.folder, ignore_errors=True)
        bringing.state = state


def safe_parts(name: str) -> list[str]:
    """The parts of a path that a browser names, as they may be used here: none leads out of the folder."""
    parts = [visible(part).replace("\0", "").strip().strip(".") for part in _SEPARATORS.split(name)]
    kept = [_cut(part) for part in parts if part]
    return kept[-_PARTS:] or ["file"]


def _cut(part: str) -> str:
    """A part that is too long without its middle, so that the ending stays: it says how the file is read."""
    stem, dot, ending = part.rpartition(".")
    if not dot or len(ending) > 10:
        stem, dot, ending = part, "", ""
    room = _PART_BYTES - len((dot + ending).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + dot + ending
