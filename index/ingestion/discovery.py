"""File discovery: expand paths to files in supported formats, in a fixed order."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from index.articles import Skipped
from index.errors import PathNotFound
from index.formats import parsers


@dataclass
class DiscoveredFiles:
    """Absolute paths of regular files, sorted and without links, and the skipped entries."""

    files: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def discover_files(paths: Iterable[Path]) -> DiscoveredFiles:
    """Return the files of `paths`, each once, ignoring hidden files and links out of a folder.

    An unsupported file given by itself is skipped with the reason. In a folder, a reason is given only for entries
    with a supported suffix (such as a pipe called "x.txt"). Raises `PathNotFound`.
    """
    discovered = DiscoveredFiles()
    files: set[str] = set()
    for path in paths:
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            raise PathNotFound(path=path) from None
        except OSError as error:
            discovered.skipped.append(Skipped(_printable(str(path)), _reason(error)))
            continue
        add = _walk if stat.S_ISDIR(mode) else _add
        add(os.path.realpath(path), files, discovered.skipped)
    discovered.files = [Path(file) for file in sorted(files)]
    return discovered


def _walk(root: str, files: set[str], skipped: list[Skipped]) -> None:
    # Iterative, not recursive: folders can be nested deeper than the recursion limit.
    folders = [root]
    while folders:
        folder = folders.pop()
        if not _is_utf8(folder):
            skipped.append(Skipped(_printable(folder), "name_not_text"))
            continue
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif _has_supported_suffix(entry.name):
                        _look_at(entry, root, files, skipped)
        except OSError as error:
            skipped.append(Skipped(folder, _reason(error)))


def _look_at(entry: os.DirEntry[str], root: str, files: set[str], skipped: list[Skipped]) -> None:
    """Add an entry of a folder if it is a file. A link is resolved if its target is a visible file in `root`."""
    if not entry.is_symlink():
        if entry.is_file(follow_symlinks=False) and _is_utf8(entry.name):
            files.add(entry.path)
        else:
            _add(entry.path, files, skipped)
        return
    # A link out of the folder could add anything on the disk; a circular one has no target.
    target = os.path.realpath(entry.path)
    visible = target.startswith(f"{root}{os.sep}") and f"{os.sep}." not in target[len(root) :]
    if visible and _has_supported_suffix(target) and os.path.isfile(target):  # noqa: PTH113
        _add(target, files, skipped)


def _add(file: str, files: set[str], skipped: list[Skipped]) -> None:
    """Add a file, or the reason why it is skipped."""
    if not _has_supported_suffix(file):
        skipped.append(Skipped(_printable(file), "unknown_format"))
    elif not os.path.isfile(file):  # noqa: PTH113
        skipped.append(Skipped(_printable(file), "not_a_file"))
    elif not _is_utf8(file):
        skipped.append(Skipped(_printable(file), "name_not_text"))
    else:
        files.add(file)


def _has_supported_suffix(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in parsers()  # noqa: PTH122  (plain str is faster for 10,000 paths)


def _is_utf8(path: str) -> bool:
    """Return whether a name is UTF-8; names with other bytes could be neither stored nor shown."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "no_permission"
    return "path_too_long" if error.errno == errno.ENAMETOOLONG else "cannot_be_read"
