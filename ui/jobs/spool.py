"""The files of a job, in two subfolders: named files as they were sent, or lines of one NDJSON body.

Lines are split into files that are small enough to be parsed one by one, each named by the number of its first line.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from index.articles import Skipped
from index.storage import private
from index.storage.database import storage_errors
from ui.errors import RequestError
from ui.jobs.upload_dir import UploadDirectory

NAMED, LINES = "files", "lines"
MAX_LINE_BYTES = 32 * 2**20
"""Maximum bytes of an article's line: half of the largest file that `index/ingestion` parses."""
_MAX_BYTES, _MAX_LINES = 4 * 2**20, 1000
"""Bytes and lines from which a file is full. After each file a job can be stopped and its progress is updated."""
_LINE_FILE = re.compile(r"articles-(\d+)\.jsonl")
_BODY = "articles"
"""Name of the body in a summary, beside the line number."""


class ArticleTooLarge(RequestError):
    """One article of an upload has more than `megabytes`."""

    code = "article_too_large"
    status = 413


def article_too_large() -> ArticleTooLarge:
    """Return the error with the current limit."""
    return ArticleTooLarge(megabytes=MAX_LINE_BYTES // 2**20)


class NdjsonSpool:
    """Write lines, including their line ends, to files in `directory`."""

    def __init__(self, directory: UploadDirectory) -> None:
        self._directory = directory
        self._file: BinaryIO | None = None
        self._size = 0
        self._first_line = 1
        self._next_line = 1

    def write(self, line: bytes) -> None:
        """Write the next line. Raises `ArticleTooLarge`, and the errors of `UploadDirectory.write`."""
        if len(line) > MAX_LINE_BYTES:
            raise article_too_large()
        if self._file is None or self._size > _MAX_BYTES or self._next_line - self._first_line >= _MAX_LINES:
            self.close()
            self._file, self._size, self._first_line = self._open(), 0, self._next_line
        self._directory.write(line, self._file)
        self._size += len(line)
        self._next_line += 1

    def close(self) -> None:
        """Flush and close the current file."""
        if self._file:
            with storage_errors(self._directory.folder):
                self._file.close()

    def _open(self) -> BinaryIO:
        path = self._directory.place_for(f"articles-{self._next_line}.jsonl")
        with storage_errors(self._directory.folder):
            return private.new_file(path)


def files_of(folder: Path) -> list[Path]:
    """Return all files of a job one by one, so that files of unknown formats are reported too."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def size_of(folder: Path) -> tuple[int, int]:
    """Return the number of files of an upload and their bytes; it may be written to or deleted meanwhile."""
    sizes = []
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                sizes.append(Path(place, name).stat().st_size)
    return len(sizes), sum(sizes)


def as_sent(skipped: Skipped, folder: Path) -> Skipped:
    """Return `skipped` with the uploaded name of the file, or its line number in the whole body."""
    path = Path(skipped.path)
    for root in (folder, folder.resolve()):
        if path.is_relative_to(root / NAMED):
            return replace(skipped, path=str(path.relative_to(root / NAMED)))
    numbered = _LINE_FILE.fullmatch(path.name)
    line = skipped.line + int(numbered[1]) - 1 if numbered and skipped.line else skipped.line
    return replace(skipped, path=_BODY, line=line)
