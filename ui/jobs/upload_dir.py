"""Files on their way in: under names that are safe here, in a folder of their own, within bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from index.errors import JawabError
from index.storage import private
from index.storage.database import storage_errors
from ui.web.escaping import strip_control_characters

MOST_FILES = 10_000
MOST_BYTES = 1_000_000_000
_PART_BYTES, _PARTS = 120, 12
"""Bytes of one part of a path, and parts of it."""
_SEPARATORS = re.compile(r"[/\\]+")


class UploadTooLarge(JawabError):
    """More files or bytes than may come at once."""

    code = "too_much"


def upload_too_large() -> UploadTooLarge:
    """The error, with the bounds as they are."""
    return UploadTooLarge(files=MOST_FILES, megabytes=MOST_BYTES // 1_000_000)


@dataclass(kw_only=True)
class UploadDirectory:
    """What has come so far, in `folder`: so many files, of `size` bytes together."""

    folder: Path
    files: int = 0
    size: int = 0

    def place_for(self, name: str) -> Path:
        """Where a file is kept that was called `name` where it comes from; nothing is there yet.

        Raises `UploadTooLarge`, and `storage_errors`' errors.
        """
        if self.files >= MOST_FILES:
            raise upload_too_large()
        self.files += 1
        path = self.folder.joinpath(*safe_parts(name))
        if not all(parent.is_dir() for parent in path.parents if parent.exists()):
            # Another file is called as the folder of this one is.
            path = self.folder / f"{self.files}" / path.name
        while path.exists():
            # Two files of one name, from two folders that were sent together, are two files.
            path = path.with_name(f"{path.stem} ({self.files}){path.suffix}")
        with storage_errors(self.folder):
            private.make_folder(path.parent)
        return path

    def write(self, part: bytes, file: BinaryIO) -> None:
        """Write a part of a file. Raises `UploadTooLarge`, and `storage_errors`' errors."""
        self.size += len(part)
        if self.size > MOST_BYTES:
            raise upload_too_large()
        with storage_errors(self.folder):
            file.write(part)


def safe_parts(name: str) -> list[str]:
    """The parts of a path that somebody names, as they may be used here: none leads out of the folder."""
    parts = [strip_control_characters(part).replace("\0", "").strip().strip(".") for part in _SEPARATORS.split(name)]
    kept = [_cut(part) for part in parts if part]
    return kept[-_PARTS:] or ["file"]


def _cut(part: str) -> str:
    """A part that is too long without its middle, so that the ending stays: it says how the file is read."""
    stem, dot, ending = part.rpartition(".")
    if not dot or len(ending) > 10:
        stem, dot, ending = part, "", ""
    room = _PART_BYTES - len((dot + ending).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + dot + ending
