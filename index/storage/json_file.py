"""A small store in one JSON file with a version, migrated as the databases are (`index/storage/migrations.py`)."""

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
    """The store in `file`: an object with a "version". What has none is of version 0, whatever it is.

    `steps[1]` makes content of version 2 of that of version 1; it raises `ValueError` for what is none: the file stays.
    """

    file: Path
    version: int
    steps: Mapping[int, Callable[[Any], Content]]

    def read(self) -> Content:
        """The content, of the current version; one of an older version is written anew, and a copy kept.

        Raises `StoreNewer`, `OSError`, and `ValueError` where the file holds no JSON.
        """
        written = self.file.read_bytes()
        content = json.loads(written)
        found = _version_of(content)
        if found > self.version:
            raise StoreNewer(file=self.file, found=found, expected=self.version)
        if found == self.version:
            for copy in copies_of(self.file):
                copy.unlink(missing_ok=True)
            return dict(content)
        if found not in self.steps:
            raise ValueError(f"no version of this kind: {found}")
        for version in range(found, self.version):
            content = {**self.steps[version](content), "version": version + 1}
        self._keep(written, found, content)
        return dict(content)

    def write(self, content: Content) -> None:
        """Raises `OSError`, and then changes nothing."""
        write_atomically(self.file, json.dumps({**content, "version": self.version}).encode())

    def _keep(self, before: bytes, found: int, content: Content) -> None:
        try:
            write_atomically(copy_of(self.file, found), before)
            self.write(content)
        except PermissionError:
            pass  # Whoever may only read it migrates what was read, each time.


def _version_of(content: object) -> int:
    version = content.get("version", 0) if isinstance(content, dict) else 0
    if not isinstance(version, int):
        raise ValueError(f"no version: {version!r}")
    return version
