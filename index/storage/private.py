"""Private files: what Jawab makes is for its owner alone, whatever the umask.

Folders that are made have mode 0700, files 0600. What is there already keeps its mode, and what is derived from the
catalogue gets the catalogue's, so that an index that was shared stays shared. Only what nobody shares on purpose
(conversations, the data folder as a whole) is narrowed where an earlier Jawab left it open.
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
    """Make a folder, and those that it stands in, where they are missing. Raises `OSError`."""
    try:
        folder.mkdir(FOLDER)
    except FileNotFoundError:
        make_folder(folder.parent)
        make_folder(folder)
    except FileExistsError:
        if not folder.is_dir():
            raise


def new_file(path: Path) -> BinaryIO:
    """A new file, to be written. Raises `FileExistsError`, and what else `open` raises."""
    return cast(BinaryIO, open(path, "xb", opener=opener))


def create(path: Path, like: Path | None = None) -> None:
    """Make an empty file, unless it is there; with the mode of another one, if that is there. Raises `OSError`."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE))
        if like and like.is_file():
            path.chmod(mode_like(like))


def mode_like(path: Path) -> int:
    """The mode of what belongs to a file: its own, or 0600 where it is missing."""
    return FILE | (path.stat().st_mode & _RIGHTS if path.is_file() else 0)


def claim_database(path: Path) -> None:
    """See to it that an SQLite file that nobody shares is private, and its logs: a new one, or an earlier Jawab's.
    Raises `OSError` where it cannot be made."""
    create(path)
    for each in _LOGS:
        # Another's file, or a disk that knows no modes: then it is as it is.
        with suppress(OSError):
            path.with_name(path.name + each).chmod(FILE)


def narrow_folder(folder: Path) -> None:
    """Close a folder of ours that everybody may enter, as those of an earlier Jawab; one that was opened to a group
    alone was opened on purpose."""
    with suppress(OSError):
        if stat.S_IMODE(folder.stat().st_mode) & _OTHERS:
            folder.chmod(FOLDER)


def opener(path: str, flags: int) -> int:
    """Opens as `open` does; a new file is private."""
    return os.open(path, flags, FILE)
