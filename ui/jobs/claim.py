"""The place of the jobs' database, and the lock that one server at a time holds for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from index.errors import JawabError
from index.storage import private
from index.storage.database import storage_errors


class ServerRunning(JawabError):
    """A server uses `folder`, which must be left alone for this."""

    code = "server_running"
    retryable = True


def jobs_database(uploads: Path) -> Path:
    """The database of the jobs whose files lie in `uploads`."""
    return uploads.with_name(f"{uploads.name}-jobs.sqlite")


def jobs_lock(uploads: Path) -> FileLock:
    """The lock of whoever takes uploads into `uploads`; it is tried once."""
    return FileLock(uploads.with_name(f"{uploads.name}-jobs.lock"), timeout=0, mode=private.FILE, thread_local=False)


@contextmanager
def without_server(uploads: Path) -> Iterator[None]:
    """No server takes uploads in meanwhile. Raises `ServerRunning`."""
    lock = jobs_lock(uploads)
    with storage_errors(uploads.parent):
        private.make_folder(uploads.parent)
        try:
            lock.acquire()
        except Timeout as error:
            raise ServerRunning(folder=uploads.parent) from error
    try:
        yield
    finally:
        lock.release()
