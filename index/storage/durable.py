"""Atomic, durable file writes: after a power cut a file has its old or its new content.

The new content is on the disk once the function returns.
"""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from index.storage import private

_lock = threading.Lock()
"""Two threads that write the same file must not share a partial file."""


def write_atomically(path: Path, content: bytes, mode: int = private.FILE) -> None:
    """Replace the content of `path` by `content`, with `mode` (by default private to this user).

    Raises `OSError`, and then changes nothing. Processes that write the same file must hold a common lock.
    """
    # Always the same name, so that a process that is killed here leaves at most one file.
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
    """Rename a complete file to `path`, in the same folder. Raises `OSError`."""
    # Otherwise the name could be stored before the content: after a power cut the file could exist and be empty.
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
    """Wait until all files and folders in `folder`, and its own name, are on the disk. Raises `OSError`."""
    for subfolder, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync_file(Path(subfolder, name))
        sync_folder(Path(subfolder))
    sync_folder(folder.parent)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
