"""A small versioned store in one JSON file, migrated as the databases are (`index/storage/migrations.py`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.storage.durable import write_atomically
from index.storage.migrations import StoreNewer, copies_of, copy_of

Content = dict[str, Any]


@dataclass(frozen=True)
class JsonFile:
    """The store in `file`: an object with a "version". Content without one, of any type, has version 0.

    `steps[1]` converts content of version 1 to version 2. It raises `ValueError` for invalid content; the file is then
    left unchanged.
    """

    file: Path
    version: int
    steps: Mapping[int, Callable[[Any], Content]]

    def read(self) -> Content:
        """Return the content. A file of an older version is migrated and rewritten, and a copy of it is stored.

        Raises `StoreNewer`, `OSError`, and `ValueError` where the file holds no JSON.
        """
        raw = self.file.read_bytes()
        content = json.loads(raw)
        stored_version = _version_of(content)
        if stored_version > self.version:
            raise StoreNewer(file=self.file, found=stored_version, expected=self.version)
        if stored_version == self.version:
            for copy in copies_of(self.file):
                copy.unlink(missing_ok=True)
            return dict(content)
        if stored_version not in self.steps:
            raise ValueError(f"no version of this kind: {stored_version}")
        for version in range(stored_version, self.version):
            content = {**self.steps[version](content), "version": version + 1}
        self._rewrite(raw, stored_version, content)
        return dict(content)

    def write(self, content: Content) -> None:
        """Write the content atomically. Raises `OSError`, and then changes nothing."""
        write_atomically(self.file, json.dumps({**content, "version": self.version}).encode())

    def _rewrite(self, original: bytes, stored_version: int, content: Content) -> None:
        try:
            write_atomically(copy_of(self.file, stored_version), original)
            self.write(content)
        except PermissionError:
            pass  # With read-only access the content is migrated at every read.


def _version_of(content: object) -> int:
    version = content.get("version", 0) if isinstance(content, dict) else 0
    if not isinstance(version, int):
        raise ValueError(f"no version: {version!r}")
    return version
