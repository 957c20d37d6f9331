"""Folder of one upload: file names are made safe, and files and bytes are limited."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from index.storage import private
from index.storage.database import storage_errors
from ui.config import UploadSettings
from ui.errors import RequestError
from ui.escaping import strip_control_characters

_MAX_PART_BYTES, _MAX_PARTS = 120, 12
"""Maximum bytes of a path component, and maximum components."""
_SEPARATORS = re.compile(r"[/\\]+")


class UploadTooLarge(RequestError):
    """An upload has too many files or bytes."""

    code = "upload_too_large"
    status = 413

    @classmethod
    def of(cls, limits: UploadSettings) -> UploadTooLarge:
        """Return the error that states these limits."""
        return cls(files=limits.max_files, megabytes=limits.max_bytes // 1_000_000)


@dataclass(kw_only=True)
class UploadDirectory:
    """The upload received so far in `folder`: number of files, and `size` in bytes."""

    folder: Path
    limits: UploadSettings = field(default_factory=UploadSettings)
    files: int = 0
    size: int = 0

    def place_for(self, name: str) -> Path:
        """Return an unused path for a file that the client calls `name`.

        Raises `UploadTooLarge`, and the errors of `storage_errors`.
        """
        if self.files >= self.limits.max_files:
            raise UploadTooLarge.of(self.limits)
        self.files += 1
        path = self.folder.joinpath(*safe_parts(name))
        if not all(parent.is_dir() for parent in path.parents if parent.exists()):
            # Another file has the name of this one's folder.
            path = self.folder / f"{self.files}" / path.name
        while path.exists():
            # Files of the same name from two uploaded folders are different files.
            path = path.with_name(f"{path.stem} ({self.files}){path.suffix}")
        with storage_errors(self.folder):
            private.make_folder(path.parent)
        return path

    def write(self, chunk: bytes, file: BinaryIO) -> None:
        """Write a part of a file. Raises `UploadTooLarge`, and the errors of `storage_errors`."""
        self.size += len(chunk)
        if self.size > self.limits.max_bytes:
            raise UploadTooLarge.of(self.limits)
        with storage_errors(self.folder):
            file.write(chunk)


def safe_parts(name: str) -> list[str]:
    """Return the safe components of a client's path: none leads out of the folder."""
    parts = [strip_control_characters(part).replace("\0", "").strip().strip(".") for part in _SEPARATORS.split(name)]
    shortened = [_shorten(part) for part in parts if part]
    return shortened[-_MAX_PARTS:] or ["file"]


def _shorten(part: str) -> str:
    """Shorten a component before its extension, which decides how the file is parsed."""
    stem, dot, extension = part.rpartition(".")
    if not dot or len(extension) > 10:
        stem, dot, extension = part, "", ""
    max_bytes = _MAX_PART_BYTES - len((dot + extension).encode())
    return stem.encode()[:max_bytes].decode("utf-8", "ignore") + dot + extension
