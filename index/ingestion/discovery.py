"""Which files a path stands for: itself, or every readable kind of file in the folder, in a steady order."""

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
    """Absolute paths of ordinary files, in order and without links, and what could not be looked into."""

    files: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def discover_files(paths: Iterable[Path]) -> DiscoveredFiles:
    """The files of `paths`, each once. Hidden files and links out of a folder are passed over.

    A file that is named itself but is none that Jawab reads is skipped with the reason; in a folder only what has
    the name of an article is (a pipe called "x.txt"), the others are simply not articles. Raises `PathNotFound`.
    """
    found = DiscoveredFiles()
    files: set[str] = set()
    for path in paths:
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            raise PathNotFound(path=path) from None
        except OSError as error:
            found.skipped.append(Skipped(_shown(str(path)), _reason(error)))
            continue
        take = _walk if stat.S_ISDIR(mode) else _add
        take(os.path.realpath(path), files, found.skipped)
    found.files = [Path(file) for file in sorted(files)]
    return found


def _walk(root: str, files: set[str], skipped: list[Skipped]) -> None:
    # With a list and not by calling itself: folders can be nested deeper than Python calls.
    folders = [root]
    while folders:
        folder = folders.pop()
        if not _is_text(folder):
            skipped.append(Skipped(_shown(folder), "name_not_text"))
            continue
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif _is_readable_kind(entry.name):
                        _look_at(entry, root, files, skipped)
        except OSError as error:
            skipped.append(Skipped(folder, _reason(error)))


def _look_at(entry: os.DirEntry[str], root: str, files: set[str], skipped: list[Skipped]) -> None:
    """Take a folder's entry in, if it is a file. A link is what it leads to, where that is a visible file in `root`."""
    if not entry.is_symlink():
        if entry.is_file(follow_symlinks=False) and _is_text(entry.name):
            files.add(entry.path)
        else:
            _add(entry.path, files, skipped)
        return
    # A link that leads out of the folder could bring in anything on the disk; one that leads in a circle, nothing.
    target = os.path.realpath(entry.path)
    visible = target.startswith(f"{root}{os.sep}") and f"{os.sep}." not in target[len(root) :]
    if visible and _is_readable_kind(target) and os.path.isfile(target):  # noqa: PTH113
        _add(target, files, skipped)


def _add(file: str, files: set[str], skipped: list[Skipped]) -> None:
    """Take a file in, or say why not."""
    if not _is_readable_kind(file):
        skipped.append(Skipped(_shown(file), "unknown_format"))
    elif not os.path.isfile(file):  # noqa: PTH113
        skipped.append(Skipped(_shown(file), "not_a_file"))
    elif not _is_text(file):
        skipped.append(Skipped(_shown(file), "name_not_text"))
    else:
        files.add(file)


def _is_readable_kind(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in parsers()  # noqa: PTH122  (10,000 paths are made of nothing but str)


def _is_text(path: str) -> bool:
    """Whether a name is UTF-8: to the system it is bytes, and other bytes could be neither stored nor shown."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "no_permission"
    return "path_too_long" if error.errno == errno.ENAMETOOLONG else "cannot_be_read"
