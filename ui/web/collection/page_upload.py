"""Articles that are brought to the page: received file by file, then read into the index, with progress and an end.

One bringing at a time. Its files are kept in a folder of their own, for the index remembers where articles came from;
of one that is stopped or fails nothing went in, and its folder goes. While something else writes to the index, the
reading waits. Where it fails for a reason that may pass (a full disk), its folder stays, so that it can be read again;
so it does where a fault of Jawab's own ends it, for articles may be in already.
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
from ui.jobs.progress import JobCancelled, JobProgress
from ui.jobs.upload_dir import UploadDirectory, upload_too_large
from ui.uploaded import under_way

_AGAIN = 1.0
"""Seconds until the next try where something else is writing to the index."""
State = Literal["receiving", "reading", "done", "stopped", "failed"]


class AnotherUploadInProgress(JawabError):
    """One bringing at a time."""

    code = "another_is_brought"
    retryable = True


class ReadingBroken(JawabError):
    """A fault of ours ended the reading. The log has what."""

    code = "reading_broken"


@dataclass(kw_only=True)
class PageUpload(UploadDirectory, JobProgress):
    """How far one bringing has come; `busy` is whether its reading waits for another writer of the index."""

    id: str
    state: State = "receiving"
    busy: bool = False
    summary: IndexingReport | None = None
    problem: JawabError | None = None
    lock: FileLock | None = None

    @property
    def can_be_read_again(self) -> bool:
        """Whether it failed for a reason that may pass."""
        return self.state == "failed" and self.problem is not None and self.problem.retryable

    def looked(self, files: int, of: int) -> None:
        self.busy = False
        super().looked(files, of)


class UploadManager:
    """Receives what is brought. `update` reads a folder into the index; it may raise `JawabError`."""

    def __init__(self, folder: Path, update: Callable[[Path, Progress], IndexingReport]) -> None:
        self._folder = folder
        self._update = update
        self._lock = threading.Lock()
        self._latest: PageUpload | None = None

    def begin(self) -> PageUpload:
        """A new bringing. Raises `AnotherUploadInProgress` while another one is read, and `storage_errors`' errors."""
        with self._lock, storage_errors(self._folder):
            if self._latest and self._latest.state == "reading":
                raise AnotherUploadInProgress
            if self._latest and (self._latest.state == "receiving" or self._latest.can_be_read_again):
                self._forget(self._latest, "stopped")
            number = secrets.token_urlsafe(12)
            folder = self._folder / number
            private.make_folder(self._folder)  # the lock would make it, for all to read
            lock = under_way(folder)
            lock.acquire()
            private.make_folder(folder)
            self._latest = PageUpload(id=number, folder=folder, lock=lock)
            return self._latest

    def find(self, number: str) -> PageUpload | None:
        """The bringing of this id, if it is the latest."""
        latest = self._latest
        return latest if latest and secrets.compare_digest(latest.id.encode(), number.encode()) else None

    def place_for(self, bringing: PageUpload, name: str) -> Path:
        """Where a file is kept that was called `name` where it comes from. Raises `TooMuch`."""
        with self._lock:
            if bringing.state != "receiving":
                raise upload_too_large()
            return bringing.place_for(name)

    def read(self, bringing: PageUpload) -> None:
        """Begin to read what was received, in a thread of its own."""
        with self._lock:
            if bringing.state != "receiving" and not bringing.can_be_read_again:
                return
            bringing.state, bringing.problem = "reading", None
            bringing.looked_at = bringing.to_look_at = bringing.to_read = 0
        threading.Thread(target=self._read, args=(bringing,), name="jawab-bringing", daemon=True).start()

    def stop(self, bringing: PageUpload) -> None:
        """Stop it: at once where nothing is read yet, else at the next step of the reading."""
        bringing.halted.set()
        with self._lock:
            if bringing.state == "receiving" or bringing.can_be_read_again:
                self._forget(bringing, "stopped")

    def _read(self, bringing: PageUpload) -> None:
        try:
            with storage_errors(bringing.folder):
                sync_tree(bringing.folder)
            bringing.summary = self._update_patiently(bringing)
            bringing.state = "done"
            _over(bringing)
        except JobCancelled:
            self._forget(bringing, "stopped")
        except JawabError as error:
            bringing.problem = error
            if error.retryable:
                bringing.state = "failed"
            else:
                self._forget(bringing, "failed")
        finally:
            if bringing.state == "reading":
                bringing.problem = ReadingBroken()
                bringing.state = "failed"

    def _update_patiently(self, bringing: PageUpload) -> IndexingReport:
        """What the reading did, once nothing else writes to the index. Raises `JobCancelled`, and what `update`
        raises."""
        while not bringing.halted.is_set():
            try:
                return self._update(bringing.folder, bringing)
            except IndexLocked:
                bringing.busy = True
                bringing.halted.wait(_AGAIN)
        raise JobCancelled

    @staticmethod
    def _forget(bringing: PageUpload, state: State) -> None:
        shutil.rmtree(bringing.folder, ignore_errors=True)
        bringing.state = state
        _over(bringing)


def _over(bringing: PageUpload) -> None:
    """Nothing is under way any more, so the next start need not look whether articles come from its files."""
    if bringing.lock:
        Path(bringing.lock.lock_file).unlink(missing_ok=True)
        bringing.lock.release()
