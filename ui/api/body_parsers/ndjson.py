"""Parser of NDJSON uploads. Lines are stored unchecked; indexing reports those that cannot be parsed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ui.api.body_parsers.body import NDJSON, EmptyUpload
from ui.jobs.spool import LINES, LONGEST_LINE, NdjsonSpool, article_too_large
from ui.jobs.upload_dir import UploadDirectory


class LinesBody:
    """Streaming parser of `application/x-ndjson`."""

    collection = None

    def __init__(self, folder: Path) -> None:
        self.parcel = UploadDirectory(folder=folder / LINES)
        self._lines = NdjsonSpool(self.parcel)
        self._hash = hashlib.sha256(NDJSON.encode())
        self._begun = bytearray()
        self._has_article = False

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def write(self, part: bytes) -> None:
        self._hash.update(part)
        *lines, rest = part.split(b"\n")
        for line in lines:
            self._keep(line)
        self._begun += rest
        if len(self._begun) > LONGEST_LINE:
            raise article_too_large()

    def finish(self) -> None:
        if self._begun:
            self._keep(b"")
        if not self._has_article:
            raise EmptyUpload
        self._lines.close()

    def close(self) -> None:
        self._lines.close()

    def _keep(self, rest: bytes) -> None:
        """Store the pending line, completed by `rest`."""
        line = bytes(self._begun) + rest
        self._begun.clear()
        self._has_article = self._has_article or bool(line.strip())
        self._lines.write(line + b"\n")
