"""Files on their way: their sizes, and making sure that they are on the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


class SourceFailed(Exception):
    """A source did not give what it should; the text is a short reason. `qa/fetching/fetch.py` goes on to the next."""


def size_of(path: Path) -> int:
    """Bytes of a file; 0 if there is none."""
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
