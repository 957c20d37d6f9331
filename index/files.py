"""Which files a path stands for: itself, or every readable kind of file in the folder, in a steady order."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from index.articles import Skipped
from index.errors import PathMissing
from index.formats import readers


@dataclass
class FoundFiles:
    """Absolute paths in order, and what could not be looked into."""

    files: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def find_files(paths: Iterable[Path]) -> FoundFiles:
    """The files of `paths`, each once. Hidden files and links out of a folder are passed over.

    A file that is named itself but has a suffix that Jawab does not read is skipped with the reason; in a
    folder such files are simply not articles. Raises `PathMissing`.
    """
    found = FoundFiles()
    for path in paths:
        if path.is_dir():
            _walk(path.resolve(), found)
        elif path.suffix.lower() in readers():
            if not path.exists():
                raise PathMissing(path=path)
            found.files.append(path.resolve())
        elif path.exists():
            found.skipped.append(Skipped(str(path), "unknown_format"))
        else:
            raise PathMissing(path=path)
    found.files = sorted(set(found.files))
    return found


def _walk(root: Path, found: FoundFiles) -> None:
    def refused(error: OSError) -> None:
        found.skipped.append(Skipped(str(error.filename or root), "no_permission"))

    for folder, subfolders, names in os.walk(root, onerror=refused):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in names:
            path = Path(folder, name)
            if name.startswith(".") or path.suffix.lower() not in readers():
                continue
            # A link that leads out of the folder could bring in anything on the disk.
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                continue
            if path.is_file():
                found.files.append(path)
