"""Private files: files and folders made by Jawab are accessible to their owner only, regardless of the umask.

New folders have mode 0700, new files 0600. Existing ones keep their mode, and files derived from the catalogue get the
catalogue's, so that an index that was shared stays shared. Only conversations and the data folder as a whole, which are
not shared on purpose, are restricted where an earlier Jawab left them open.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

FILE = 0o600
FOLDER = 0o700
_OTHERS = 0o007
_RIGHTS = 0o666
_LOGS = ("", "-wal", "-shm")


def make_folder(folder: Path) -> None:
    """Make a folder and its parents where they are missing. Raises `OSError`."""
    try:
        folder.mkdir(FOLDER)
    except FileNotFoundError:
        make_folder(folder.parent)
        make_folder(folder)
    except FileExistsError:
        if not folder.is_dir():
            raise


def new_file(path: Path) -> BinaryIO:
    """Open a new file for writing. Raises `FileExistsError`, and the other errors of `open`."""
    return cast(BinaryIO, open(path, "xb", opener=opener))


def create(path: Path, like: Path | None = None) -> None:
    """Make an empty file unless it exists, with the mode of `like` if that exists. Raises `OSError`."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE))
        if like and like.is_file():
            path.chmod(mode_like(like))


def mode_like(path: Path) -> int:
    """Return the mode for files that belong to `path`: its own, or 0600 where it is missing."""
    return FILE | (path.stat().st_mode & _RIGHTS if path.is_file() else 0)


def claim_database(path: Path) -> None:
    """Make an SQLite file, new or existing, and its logs private. Raises `OSError` where it cannot be made."""
    create(path)
    for suffix in _LOGS:
        # Another user's file, or a file system without modes, is left as it is.
        with suppress(OSError):
            path.with_name(path.name + suffix).chmod(FILE)


def narrow_folder(folder: Path) -> None:
    """Make a folder private if others may access it, as with folders of earlier versions. Access of a group alone is
    assumed to be intentional and is not removed.
    """
    with suppress(OSError):
        if stat.S_IMODE(folder.stat().st_mode) & _OTHERS:
            folder.chmod(FOLDER)


def opener(path: str, flags: int) -> int:
    """Open as `open` does; a new file is private."""
    return os.open(path, flags, FILE)
