"""The C library that makes system calls fail: compiled, loaded into a process before all others, driven from there."""

from __future__ import annotations

import ctypes
import enum
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("faults.c")


class Call(enum.IntFlag):
    """The kinds of system calls, in the order of `faults.c`. `CREATE` is an open that may make the file; making a file
    longer is `TRUNCATE` too, and a change of mode or time is `ATTRIBUTES`."""

    OPEN = enum.auto()
    CREATE = enum.auto()
    READ = enum.auto()
    WRITE = enum.auto()
    TRUNCATE = enum.auto()
    ALLOCATE = enum.auto()
    SYNC = enum.auto()
    CLOSE = enum.auto()
    RENAME = enum.auto()
    UNLINK = enum.auto()
    MKDIR = enum.auto()
    LINK = enum.auto()
    MAP = enum.auto()
    ATTRIBUTES = enum.auto()


class Mode(enum.IntEnum):
    """The effect on the call that is meant, in the order of `faults.c`."""

    ONCE = 0
    FROM_HERE_ON = 1
    SHORT = 2
    KILL = 3
    TORN = 4


@dataclass(frozen=True)
class Plan:
    """Calls of these kinds are counted, and the one numbered `at` goes wrong; none where it is 0."""

    calls: Call
    at: int
    error: int
    mode: Mode


@dataclass(frozen=True)
class Counted:
    """The calls that were counted, and how many of them went wrong."""

    calls: int
    changed: int


def missing() -> str | None:
    """The reason for which system calls cannot be made to fail here, if there is one."""
    if not sys.platform.startswith("linux"):
        return "LD_PRELOAD as it is used here is Linux's"
    return None if _compiler() else "there is no C compiler"


def compile_library(folder: Path) -> Path:
    """The compiled library, in `folder`."""
    target, compiler = folder / "faults.so", _compiler()
    assert compiler is not None
    command = [
        compiler,
        "-O2",
        "-shared",
        "-fPIC",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-o",
        str(target),
        str(_SOURCE),
        "-ldl",
    ]
    subprocess.run(command, check=True)
    return target


def _compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc")


class Library:
    """The library as it is loaded in this process."""

    def __init__(self, folder: Path) -> None:
        """Calls on files in `folder` can go wrong, when a plan is armed."""
        self._library = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self._library.faults_watch(os.fsencode(folder.resolve()))

    def arm(self, plan: Plan) -> None:
        self._library.faults_arm(int(plan.calls), ctypes.c_long(plan.at), plan.error, int(plan.mode))

    def disarm(self) -> Counted:
        """Let no call go wrong from now on."""
        calls, changed = ctypes.c_long(), ctypes.c_long()
        self._library.faults_disarm(ctypes.byref(calls), ctypes.byref(changed))
        return Counted(calls.value, changed.value)
