"""Sandboxed parsing of untrusted files: in a child process, one after another, with limits.

A file can be crafted so that parsing it never ends, takes all memory, or crashes the library. Files are therefore
parsed in a child process (`index/ingestion/parser_worker.py`), with limits on time and memory and without write access.
It returns JSON, whose types and spans are validated. If the child fails, it is replaced, the file is reported with the
reason, and parsing continues with the next one.
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
"""Time limit for any file: a thousand times that of a long article."""
BYTES_A_SECOND = 500_000
"""Adds time for larger files: a page of 2 MB, the slowest measured, was parsed at 640 kB a second."""
ARCHIVE_RATIO = 10
"""Unpacked bytes assumed for each byte of an archive."""

_START = "from index.ingestion.parser_worker import main; main()"
_CHUNK = 2**20
_BETWEEN_CHECKS = 0.1
"""Seconds."""
_REASONS = {OUT_OF_MEMORY: "needs_too_much_memory", -signal.SIGXCPU: "took_too_long"}
"""By the exit code (a signal is negative); anything else is a crash."""
FAILURES = frozenset({"needs_too_much_memory", "took_too_long", "reader_crashed"})
"""Reasons that may be due to the state of the machine, not to the file."""


@dataclass(frozen=True)
class _Response:
    drafts: list[ParsedDocument]
    refused: list[Rejected]


@dataclass(frozen=True)
class _FileError:
    """The `errno` of a file that could not be opened."""

    error: int


class _ChildFailed(Exception):
    """Raised when the child has died or timed out; `reason` is that of a `Rejected`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SandboxedParser:
    """Context manager that parses files in a child, started by the first file and ended with the context.

    The time limit of a file is `seconds`, and one more for each `BYTES_A_SECOND` of it.
    """

    def __init__(
        self, seconds: float = SECONDS, errors: int | IO[bytes] = subprocess.DEVNULL, check: Check = never
    ) -> None:
        """`errors` receives the output of the parsing libraries, which is not for the user."""
        self._seconds = seconds
        self._check = check
        self._errors = errors
        self._child: subprocess.Popen[bytes] | None = None
        self._child_used = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, path: Path, size: int) -> tuple[list[ParsedDocument], list[Rejected]]:
        """Return the documents of a file of `size` bytes, and its rejected parts.

        Raises `PermissionError` or `FileNotFoundError`; any other problem with a file is a `Rejected`.
        """
        is_archive = path.suffix.lower() in archive.SUFFIXES
        if size > (archive.LARGEST_ARCHIVE if is_archive else LARGEST_FILE):
            return [], [Rejected("archive_too_large" if is_archive else "too_large")]
        unpacked = size * ARCHIVE_RATIO if is_archive else size
        try:
            return self._read_with_retry(path, self._seconds + unpacked / BYTES_A_SECOND)
        except _ChildFailed as failure:
            return [], [Rejected(failure.reason)]

    def _read_with_retry(self, path: Path, seconds: float) -> tuple[list[ParsedDocument], list[Rejected]]:
        """Parse a file; retry in a fresh child, since one that had parsed others may have failed because of them."""
        child_used = self._child_used
        try:
            return self._read(path, seconds)
        except _ChildFailed as failure:
            if not child_used or failure.reason == "took_too_long":
                raise
        return self._read(path, seconds)

    def _read(self, path: Path, seconds: float) -> tuple[list[ParsedDocument], list[Rejected]]:
        done = False
        try:
            response = _checked(self._request(path, seconds))
            done = self._child_used = True
        finally:
            # Also on KeyboardInterrupt: the next request must not get this response.
            if not done:
                self._end()
        if isinstance(response, _Response):
            return response.drafts, response.refused
        if response.error in (errno.EACCES, errno.EPERM, errno.ENOENT):
            raise OSError(response.error, os.strerror(response.error), str(path))
        # ELOOP is a link, ENXIO a socket or a device without a driver, EISDIR a folder.
        special = response.error in (errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR)
        return [], [Rejected("not_a_file" if special else "cannot_be_read")]

    def _request(self, path: Path, seconds: float) -> bytes:
        if self._child is None:
            self._child = start_child(python_command(_START), self._errors)
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        deadline = time.monotonic() + seconds
        request = {"path": str(path), "seconds": int(seconds) + 1}
        try:
            send(child.stdin, json.dumps(request).encode())
            size = int.from_bytes(_receive(child.stdout, 4, deadline, self._check), "big")
            return _receive(child.stdout, size, deadline, self._check) if size <= LARGEST_ANSWER else b""
        except TimeoutError:
            raise _ChildFailed("took_too_long") from None
        except (BrokenPipeError, EOFError):
            raise _ChildFailed(_REASONS.get(child.wait(), "reader_crashed")) from None

    def _end(self) -> None:
        child, self._child, self._child_used = self._child, None, False
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()


def _receive(stream: IO[bytes], size: int, deadline: float, check: Check) -> bytes:
    """Read `size` bytes. Raises `TimeoutError` when the clock passes `deadline`, and `EOFError` at the end."""
    received = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while len(received) < size:
            check()
            remaining = deadline - time.monotonic()
            if not selector.select(max(0, min(remaining, _BETWEEN_CHECKS))):
                if remaining <= _BETWEEN_CHECKS:
                    raise TimeoutError
                continue
            chunk = os.read(stream.fileno(), min(_CHUNK, size - len(received)))
            if not chunk:
                raise EOFError
            received += chunk
    return bytes(received)


@cache
def _adapter() -> TypeAdapter[_Response | _FileError]:
    # Imported here: it takes a tenth of a second, and a run without changed files does not need it.
    from pydantic import TypeAdapter

    return TypeAdapter(_Response | _FileError)


def _checked(data: bytes) -> _Response | _FileError:
    """Validate a response: fields, types, and spans inside their text with start before end."""
    try:
        checked = _adapter().validate_json(data, strict=True)
    except ValueError:
        raise _ChildFailed("reader_crashed") from None
    if isinstance(checked, _Response) and not all(map(_spans_fit, checked.drafts)):
        raise _ChildFailed("reader_crashed")
    return checked


def _spans_fit(draft: ParsedDocument) -> bool:
    return all(0 <= span.start <= span.end <= len(draft.text) for span in draft.ignored)
