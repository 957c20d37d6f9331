"""Path of the job database, and the lock that lets one server at a time use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from index.errors import JawabError
from index.storage import private
from index.storage.database import storage_errors


class ServerRunning(JawabError):
    """A running server uses `folder`, and must be stopped for this operation."""

    code = "server_running"
    retryable = True


def jobs_database(uploads: Path) -> Path:
    """Return the path of the database of the jobs with files in `uploads`."""
    return uploads.with_name(f"{uploads.name}-jobs.sqlite")


def jobs_lock(uploads: Path) -> FileLock:
    """Return the lock of the process that accepts uploads into `uploads`. Acquiring it does not wait."""
    return FileLock(uploads.with_name(f"{uploads.name}-jobs.lock"), timeout=0, mode=private.FILE, thread_local=False)


@contextmanager
def without_server(uploads: Path) -> Iterator[None]:
    """Hold the lock, so that no server accepts uploads meanwhile. Raises `ServerRunning`."""
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
