"""Reading files that may be hostile: in a process of their own, one after another, within bounds.

A file can be made so that its reading never ends, takes all memory, or brings down the library that reads it. So
none is opened here: a child (`index/ingestion/parser_worker.py`) reads it, under a limit of time and of memory, and may
write nothing. What comes back is JSON, checked for its types and spans before it is believed. A child that fails is
replaced, the file is named with the reason, and the next one is read.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from index.formats import archive
from index.formats.parsed import ParsedDocument, Rejected
from index.ingestion.parser_worker import LARGEST_ANSWER, LARGEST_FILE, OUT_OF_MEMORY, send
from index.runtime.cancellation import Check, never
from index.runtime.child_process import python_command, start_child

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SECONDS = 60
"""For any file: a thousand times what a long article takes."""
BYTES_A_SECOND = 500_000
"""What a larger file is given beside that: a page of 2 MB, the slowest of all, was read at 640 kB a second."""
ARCHIVE_RATIO = 10
"""Bytes that a byte of an archive of texts stands for."""

_START = "from index.ingestion.parser_worker import main; main()"
_CHUNK = 2**20
_BETWEEN_CHECKS = 0.1
"""Seconds."""
_REASONS = {OUT_OF_MEMORY: "needs_too_much_memory", -signal.SIGXCPU: "took_too_long"}
"""By the exit code (a signal is negative); anything else is a crash."""
FAILURES = frozenset({"needs_too_much_memory", "took_too_long", "reader_crashed"})
"""Reasons that may lie in the machine's state and not in the file."""


@dataclass(frozen=True)
class _Answer:
    drafts: list[ParsedDocument]
    refused: list[Rejected]


@dataclass(frozen=True)
class _Failed:
    """The system's word (`errno`) for why a file could not be opened."""

    error: int


class _ChildFailed(Exception):
    """The child is no more; `reason` is that of a `Rejected`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SandboxedParser:
    """Reads files, as a context: the child is started by the first of them and ends with the context.

    A file may take `seconds`, and one more for each `BYTES_A_SECOND` of it.
    """

    def __init__(
        self, seconds: float = SECONDS, errors: int | IO[bytes] = subprocess.DEVNULL, check: Check = never
    ) -> None:
        """`errors` takes what the libraries that read have to say, which is not for the user."""
        self._seconds = seconds
        self._check = check
        self._errors = errors
        self._child: subprocess.Popen[bytes] | None = None
        self._read_before = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, path: Path, size: int) -> tuple[list[ParsedDocument], list[Rejected]]:
        """The drafts of a file of `size` bytes, and what of it is not an article.

        Raises `PermissionError` or `FileNotFoundError`; whatever else is wrong with a file is a `Rejected`.
        """
        is_archive = path.suffix.lower() in archive.SUFFIXES
        if size > (archive.LARGEST_ARCHIVE if is_archive else LARGEST_FILE):
            return [], [Rejected("archive_too_large" if is_archive else "too_large")]
        unpacked = size * ARCHIVE_RATIO if is_archive else size
        try:
            return self._once_more(path, self._seconds + unpacked / BYTES_A_SECOND)
        except _ChildFailed as failure:
            return [], [Rejected(failure.reason)]

    def _once_more(self, path: Path, seconds: float) -> tuple[list[ParsedDocument], list[Rejected]]:
        """A child that had read others may have failed for what they left behind; a fresh one tells."""
        read_before = self._read_before
        try:
            return self._read(path, seconds)
        except _ChildFailed as failure:
            if not read_before or failure.reason == "took_too_long":
                raise
        return self._read(path, seconds)

    def _read(self, path: Path, seconds: float) -> tuple[list[ParsedDocument], list[Rejected]]:
        done = False
        try:
            answer = _checked(self._ask(path, seconds))
            done = self._read_before = True
        finally:
            # Also where a key was pressed in the middle: the next question must not get this answer.
            if not done:
                self._end()
        if isinstance(answer, _Answer):
            return answer.drafts, answer.refused
        if answer.error in (errno.EACCES, errno.EPERM, errno.ENOENT):
            raise OSError(answer.error, os.strerror(answer.error), str(path))
        # ELOOP is a link, ENXIO a socket or a device without a driver, EISDIR a folder.
        special = answer.error in (errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR)
        return [], [Rejected("not_a_file" if special else "cannot_be_read")]

    def _ask(self, path: Path, seconds: float) -> bytes:
        if self._child is None:
            self._child = start_child(python_command(_START), self._errors)
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        until = time.monotonic() + seconds
        question = {"path": str(path), "seconds": int(seconds) + 1}
        try:
            send(child.stdin, json.dumps(question).encode())
            size = int.from_bytes(_receive(child.stdout, 4, until, self._check), "big")
            return _receive(child.stdout, size, until, self._check) if size <= LARGEST_ANSWER else b""
        except TimeoutError:
            raise _ChildFailed("took_too_long") from None
        except (BrokenPipeError, EOFError):
            raise _ChildFailed(_REASONS.get(child.wait(), "reader_crashed")) from None

    def _end(self) -> None:
        child, self._child, self._read_before = self._child, None, False
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()


def _receive(stream: IO[bytes], size: int, until: float, check: Check) -> bytes:
    """`size` bytes. Raises `TimeoutError` when the clock passes `until`, and `EOFError` where there are no more."""
    received = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while len(received) < size:
            check()
            left = until - time.monotonic()
            if not selector.select(max(0, min(left, _BETWEEN_CHECKS))):
                if left <= _BETWEEN_CHECKS:
                    raise TimeoutError
                continue
            chunk = os.read(stream.fileno(), min(_CHUNK, size - len(received)))
            if not chunk:
                raise EOFError
            received += chunk
    return bytes(received)


@cache
def _adapter() -> TypeAdapter[_Answer | _Failed]:
    # Imported here: it takes a tenth of a second, and a run in which no file changed reads none.
    from pydantic import TypeAdapter

    return TypeAdapter(_Answer | _Failed)


def _checked(answer: bytes) -> _Answer | _Failed:
    """The answer, if it is one: the right fields of the right types, and spans that lie inside their text, in order."""
    try:
        checked = _adapter().validate_json(answer, strict=True)
    except ValueError:
        raise _ChildFailed("reader_crashed") from None
    if isinstance(checked, _Answer) and not all(map(_spans_fit, checked.drafts)):
        raise _ChildFailed("reader_crashed")
    return checked


def _spans_fit(draft: ParsedDocument) -> bool:
    return all(0 <= span.start <= span.end <= len(draft.text) for span in draft.ignored)
