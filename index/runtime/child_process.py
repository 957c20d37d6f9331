"""Child processes for code that may crash, hang or exhaust memory; the parent collects the outcome.

A child is isolated from the environment's PYTHON variables and from the current folder, and has its parent's import
path. It receives neither input nor signals from the terminal.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import index

_LONGEST_OUTPUT = 2**20
"""Maximum bytes of standard output or standard error; a child that writes more is killed."""


@dataclass(frozen=True)
class ChildResult:
    """The outcome of a child: the lines of its standard output, the last line of its standard error, its exit code.

    `exit_code` is negative for a signal, and `None` where the child was silent for too long and was killed.
    """

    lines: tuple[str, ...]
    last_error: str
    exit_code: int | None

    @property
    def failure(self) -> str | None:
        """The reason in a word (`SIGILL`, `timeout`, `exit code 3`), or `None` for a child that succeeded."""
        if self.exit_code is None:
            return "timeout"
        if self.exit_code < 0:
            return _signal_name(-self.exit_code)
        return f"exit code {self.exit_code}" if self.exit_code else None


def python_command(code: str, arguments: Sequence[str] = ()) -> list[str]:
    """Return the command that runs `code` in a separate Python process.

    In the child `sys.path` is the parent's (absolute folders only) and `sys.argv[1:]` is `arguments`.
    """
    home = str(Path(index.__file__).parent.parent)
    folders = [home, *(folder for folder in sys.path if os.path.isabs(folder) and folder != home)]  # noqa: PTH117
    setup = f"import sys; sys.path[:] = sys.argv[1:{len(folders) + 1}]; del sys.argv[1:{len(folders) + 1}]; "
    return [sys.executable, "-I", "-B", "-X", "utf8", "-c", setup + code, *folders, *arguments]


def start_child(command: Sequence[str], errors: int | IO[bytes] = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Start a child with pipes to its standard input and output; `errors` receives its standard error."""
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        bufsize=0,
        cwd="/",
        start_new_session=True,
    )


def run_child(command: Sequence[str], silence: float) -> ChildResult:
    """Run a child to its end. One that writes nothing for `silence` seconds, or far too much, is killed."""
    child = start_child(command, subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.close()
    try:
        output, errors, finished = _collect(child, silence)
        exit_code = _exit_code(child, silence) if finished else None
    finally:
        # Also after a KeyboardInterrupt.
        child.kill()
        child.wait()
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()
    last_error = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
    return ChildResult(tuple(output.decode("utf-8", "replace").splitlines()), last_error, exit_code)


def _collect(child: subprocess.Popen[bytes], silence: float) -> tuple[bytes, bytes, bool]:
    """Return the standard output and standard error of a child, and whether it closed both by itself."""
    assert child.stdout is not None
    assert child.stderr is not None
    received = {child.stdout: bytearray(), child.stderr: bytearray()}
    finished = False
    with selectors.DefaultSelector() as selector:
        for stream in received:
            selector.register(stream, selectors.EVENT_READ)
        deadline = time.monotonic() + silence
        while ready := selector.select(max(0.0, deadline - time.monotonic())):
            for key, _ in ready:
                assert isinstance(key.fileobj, type(child.stdout))
                chunk = os.read(key.fd, 65536)
                received[key.fileobj] += chunk
                if not chunk:
                    selector.unregister(key.fileobj)
            deadline = time.monotonic() + silence
            if max(map(len, received.values())) > _LONGEST_OUTPUT:
                break
            if not selector.get_map():
                finished = True
                break
    return bytes(received[child.stdout]), bytes(received[child.stderr]), finished


def _exit_code(child: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
