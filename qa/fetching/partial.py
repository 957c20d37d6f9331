"""Partial downloads: file sizes, and flushing files to disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


class SourceFailed(Exception):
    """A source failed; the text is a short reason. `qa/fetching/fetch.py` then tries the next one."""


def size_of(path: Path) -> int:
    """Size of a file in bytes; 0 if it does not exist."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_open(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
