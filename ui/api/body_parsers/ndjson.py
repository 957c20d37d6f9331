"""Parser of NDJSON uploads. Lines are stored unchecked; indexing reports those that cannot be parsed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ui.api.body_parsers.body import NDJSON, EmptyUpload
from ui.config import UploadSettings
from ui.jobs.spool import LINES, MAX_LINE_BYTES, NdjsonSpool, article_too_large
from ui.jobs.upload_dir import UploadDirectory


class LinesBody:
    """Streaming parser of `application/x-ndjson`."""

    collection = None

    def __init__(self, folder: Path, limits: UploadSettings) -> None:
        self.upload_directory = UploadDirectory(folder=folder / LINES, limits=limits)
        self._spool = NdjsonSpool(self.upload_directory)
        self._hash = hashlib.sha256(NDJSON.encode())
        self._pending = bytearray()
        self._has_article = False

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._store(line)
        self._pending += rest
        if len(self._pending) > MAX_LINE_BYTES:
            raise article_too_large()

    def finish(self) -> None:
        if self._pending:
            self._store(b"")
        if not self._has_article:
            raise EmptyUpload
        self._spool.close()

    def close(self) -> None:
        self._spool.close()

    def _store(self, rest: bytes) -> None:
        """Store the pending line, completed by `rest`."""
        line = bytes(self._pending) + rest
        self._pending.clear()
        self._has_article = self._has_article or bool(line.strip())
        self._spool.write(line + b"\n")
