"""Files that a power cut leaves whole: as they were or as they shall be, and stored once the function returns."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from index.storage import private

_lock = threading.Lock()
"""Two threads that write the same file must not write into each other's."""


def write_atomically(path: Path, content: bytes, mode: int = private.FILE) -> None:
    """Make `content` what is in `path`, for this user alone to read, unless `mode` says otherwise.

    Raises `OSError`, and then changes nothing.

    Where several processes write the same file, they agree by a lock who does.
    """
    # Always the same name, so that of a process that is killed here no more than one file is left.
    partial = path.with_name(f"{path.name}.partial")
    with _lock:
        try:
            partial.unlink(missing_ok=True)
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                if mode != private.FILE:
                    partial.chmod(mode)
            put_in_place(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def put_in_place(partial: Path, path: Path) -> None:
    """Rename a file that is complete to `path`, in the same folder. Raises `OSError`."""
    # Otherwise the name could be stored before what it names: after a power cut the file would be there, and empty.
    sync_file(partial)
    partial.replace(path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Wait until the content of a file is on the disk. Raises `OSError`."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk. Raises `OSError`."""
    try:
        _sync(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that stores names by itself
            raise


def sync_tree(folder: Path) -> None:
    """Wait until all files and folders in `folder` are on the disk, and its own name. Raises `OSError`."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync_file(Path(place, name))
        sync_folder(Path(place))
    sync_folder(folder.parent)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
