"""Uploads from the page: received file by file, then indexed, with progress.

One upload at a time. Its files are stored in a folder of their own, as the index records where articles came from. An
upload that is stopped or fails adds nothing, and its folder is deleted. While something else writes to the index,
indexing waits. After a temporary failure (a full disk) the folder is kept, so that indexing can be retried; it is also
kept after an internal error, as articles may already be indexed.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock

from index.errors import IndexLocked, JawabError
from index.indexer import Progress
from index.planner import IndexingReport
from index.storage import private
from index.storage.database import storage_errors
from index.storage.durable import sync_tree
from ui.errors import RequestError
from ui.jobs.progress import JobCancelled, JobProgress
from ui.jobs.upload_dir import UploadDirectory, upload_too_large
from ui.jobs.uploaded_files import under_way

_RETRY_SECONDS = 1.0
"""Seconds between retries while the index is locked."""
State = Literal["receiving", "reading", "done", "stopped", "failed"]


class AnotherUploadInProgress(RequestError):
    """Another upload is being indexed; only one is at a time."""

    code = "another_is_brought"
    status = 409
    retryable = True


class ReadingBroken(JawabError):
    """Indexing ended with an internal error, which is in the log."""

    code = "reading_broken"


@dataclass(kw_only=True)
class PageUpload(UploadDirectory, JobProgress):
    """State and progress of an upload; `busy` while indexing waits for another writer of the index."""

    id: str
    state: State = "receiving"
    busy: bool = False
    summary: IndexingReport | None = None
    problem: JawabError | None = None
    lock: FileLock | None = None

    @property
    def can_be_read_again(self) -> bool:
        """True if it failed with a retryable error."""
        return self.state == "failed" and self.problem is not None and self.problem.retryable

    def looked(self, files: int, of: int) -> None:
        self.busy = False
        super().looked(files, of)


class UploadManager:
    """Receives uploads. `update` indexes a folder; it may raise `JawabError`."""

    def __init__(self, folder: Path, update: Callable[[Path, Progress], IndexingReport]) -> None:
        self._folder = folder
        self._update = update
        self._lock = threading.Lock()
        self._latest: PageUpload | None = None

    def begin(self) -> PageUpload:
        """Begin an upload. Raises `AnotherUploadInProgress` while one is indexed, and `storage_errors`' errors."""
        with self._lock, storage_errors(self._folder):
            if self._latest and self._latest.state == "reading":
                raise AnotherUploadInProgress
            if self._latest and (self._latest.state == "receiving" or self._latest.can_be_read_again):
                self._discard(self._latest, "stopped")
            number = secrets.token_urlsafe(12)
            folder = self._folder / number
            private.make_folder(self._folder)  # the lock would create it readable by everyone
            lock = under_way(folder)
            lock.acquire()
            private.make_folder(folder)
            self._latest = PageUpload(id=number, folder=folder, lock=lock)
            return self._latest

    def find(self, number: str) -> PageUpload | None:
        """Return the upload with this id, if it is the latest."""
        latest = self._latest
        return latest if latest and secrets.compare_digest(latest.id.encode(), number.encode()) else None

    def place_for(self, upload: PageUpload, name: str) -> Path:
        """Return the path at which to store a file that the client calls `name`. Raises `UploadTooLarge`."""
        with self._lock:
            if upload.state != "receiving":
                raise upload_too_large()
            return upload.place_for(name)

    def read(self, upload: PageUpload) -> None:
        """Begin to index the received files, in a thread of its own."""
        with self._lock:
            if upload.state != "receiving" and not upload.can_be_read_again:
                return
            upload.state, upload.problem = "reading", None
            upload.looked_at = upload.to_look_at = upload.to_read = 0
        threading.Thread(target=self._read, args=(upload,), name="jawab-bringing", daemon=True).start()

    def stop(self, upload: PageUpload) -> None:
        """Stop an upload: at once if indexing has not begun, else at its next cancellation check."""
        upload.halted.set()
        with self._lock:
            if upload.state == "receiving" or upload.can_be_read_again:
                self._discard(upload, "stopped")

    def _read(self, upload: PageUpload) -> None:
        try:
            with storage_errors(upload.folder):
                sync_tree(upload.folder)
            upload.summary = self._update_with_retry(upload)
            upload.state = "done"
            _release_lock(upload)
        except JobCancelled:
            self._discard(upload, "stopped")
        except JawabError as error:
            upload.problem = error
            if error.retryable:
                upload.state = "failed"
            else:
                self._discard(upload, "failed")
        finally:
            if upload.state == "reading":
                upload.problem = ReadingBroken()
                upload.state = "failed"

    def _update_with_retry(self, upload: PageUpload) -> IndexingReport:
        """Index the files, retrying while the index is locked. Raises `JobCancelled`, and the `JawabError` of
        `update`."""
        while not upload.halted.is_set():
            try:
                return self._update(upload.folder, upload)
            except IndexLocked:
                upload.busy = True
                upload.halted.wait(_RETRY_SECONDS)
        raise JobCancelled

    @staticmethod
    def _discard(upload: PageUpload, state: State) -> None:
        shutil.rmtree(upload.folder, ignore_errors=True)
        upload.state = state
        _release_lock(upload)


def _release_lock(upload: PageUpload) -> None:
    """Delete and release the lock, so that the next start need not check whether articles come from its files."""
    if upload.lock:
        Path(upload.lock.lock_file).unlink(missing_ok=True)
        upload.lock.release()
