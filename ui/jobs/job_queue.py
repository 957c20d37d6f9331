"""Uploads as jobs: received into a folder of their own, then read into their collection one after another.

The store is the truth. A job is there from the moment in which all of it was received, and is done again when the
server ended before it did: indexing the same files twice is indexing them once. A job of a collection that is removed
waits until that is restored, or fails when it is gone for good. When a job is over, its files stay if articles come of
them, for the index remembers where they came from; else they go.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from filelock import Timeout

from index.errors import IndexLocked, JawabError, PermissionDenied
from index.indexer import Progress
from index.planner import IndexingReport
from index.storage import private
from index.storage.database import storage_errors
from index.storage.durable import sync_folder, sync_tree
from ui.collections import CollectionRemoved
from ui.jobs.claim import jobs_lock
from ui.jobs.job import Job, JobBroken, JobFinished, State, WorkerElsewhere
from ui.jobs.progress import JobCancelled, JobProgress
from ui.jobs.repository import JOBS, store_of
from ui.jobs.spool import as_sent, files_of
from ui.jobs.upload_dir import UploadDirectory
from ui.logs import LOGGER_NAMES

_AGAIN = 1.0
"""Seconds until the next try where something else is writing to the index, its collection is removed, or the store
cannot be used."""
_PATIENCE = 5.0
"""Seconds in which all that is under way should come to its next step when the server ends; else it is cut off."""
_log = logging.getLogger(f"{LOGGER_NAMES}.jobs")
_Result = TypeVar("_Result")


class Intake(Protocol):
    """Where articles go in. All may raise `JawabError`."""

    def is_away(self, collection: str) -> bool:
        """Whether a collection is removed and may be restored."""

    def read(self, collection: str, files: list[Path], progress: Progress) -> IndexingReport:
        """Read files into a collection. Raises `CollectionRemoved` where it is away."""

    def has_articles_of(self, collection: str, folder: Path) -> bool:
        """Whether articles of a collection come from files of a folder."""


@dataclass(frozen=True)
class PendingUpload:
    """An upload that is being received into `folder`. `replays` is the job that its idempotency key stands for, if
    there is one."""

    id: str
    folder: Path
    replays: str | None


class JobQueue:
    """The jobs whose files are kept in `brought`; what is known of them is in a SQLite file beside it.

    Safe to use from several threads. One process at a time takes uploads in (`WorkerElsewhere`); any may look at jobs.
    All methods may raise what `storage_errors` makes of the system's errors.
    """

    def __init__(self, brought: Path, intake: Intake) -> None:
        self._folder = brought / JOBS
        self._intake = intake
        self._store = store_of(brought)
        self._claim = jobs_lock(brought)
        self._lock = threading.RLock()
        self._workers: dict[str, threading.Thread] = {}
        self._steps: dict[str, JobProgress] = {}
        self._closing = threading.Event()

    def start(self) -> None:
        """Go on with what was under way when the last server ended; where that cannot be, the first upload says why."""
        with suppress(WorkerElsewhere, PermissionDenied):
            self._take_over()

    def close(self) -> None:
        """Halt what is under way, to be done at the next start."""
        with self._lock:
            self._closing.set()
            for steps in self._steps.values():
                steps.halted.set()
            workers = list(self._workers.values())
        until = time.monotonic() + _PATIENCE
        for worker in workers:
            worker.join(max(0.0, until - time.monotonic()))
        self._store.close()
        self._claim.release()

    def begin(self, caller: str, key: str | None) -> PendingUpload:
        """A place for an upload, which must be discarded once all is over. Raises `WorkerElsewhere`,
        `UploadUnderWay`."""
        self._take_over()
        number = secrets.token_urlsafe(12)
        return PendingUpload(number, self._folder / number, self._store.begin(number, caller, key))

    def accept(self, upload: PendingUpload, parcel: UploadDirectory, collection: str, digest: str) -> Job:
        """The job that an upload becomes, or the one that it became before: it is on the disk. Raises `KeyReused`."""
        if upload.replays:
            self._store.check_same(upload.replays, digest)
            return self.find(upload.replays)
        with storage_errors(self._folder):
            sync_tree(upload.folder)
            for folder in self._folder.parents[:2]:
                sync_folder(folder)
        with self._lock:
            self._store.accept(upload.id, collection, parcel.files, parcel.size, digest)
            self._wake(collection)
        return self.find(upload.id)

    def discard(self, upload: PendingUpload) -> None:
        """Where no job became of an upload, its files go, and its key is free again."""
        if self._store.is_receiving(upload.id):
            shutil.rmtree(upload.folder, ignore_errors=True)
            self._store.forget(upload.id, upload.folder.exists())

    def find(self, number: str) -> Job:
        """One job as it is now. Raises `JobMissing`."""
        return self._as_it_is(self._store.find(number))

    def latest(self, limit: int, after: int) -> tuple[list[Job], int]:
        """Jobs without how they ended, the latest first, from the one at `after` on; and how many there are in all."""
        jobs, total = self._store.latest(limit, after)
        return [self._as_it_is(job) for job in jobs], total

    def stop(self, number: str) -> Job:
        """Stop a job: at once where nothing is read yet, else at its next step, unless its articles are in by then.

        Raises `JobMissing`, `JobFinished`, `WorkerElsewhere`.
        """
        self._store.find(number)
        self._take_over()
        with self._lock:
            job, steps = self._store.find(number), self._steps.get(number)
            if job.state in ("done", "failed"):
                raise JobFinished(job=number)
            if steps:
                self._store.want_stopped(number, True)
                steps.halted.set()
            elif job.state != "stopped":
                self._end(job, "stopped", job.steps, None)
        return self.find(number)

    def _as_it_is(self, job: Job) -> Job:
        """A job with how far it is just now."""
        steps = None if job.is_over else self._steps.get(job.id)
        return replace(job, steps=steps) if steps else job

    def _take_over(self) -> None:
        """Be the process that takes uploads in, and go on with what an earlier one left."""
        with self._lock:
            if self._claim.is_locked:
                return
            with storage_errors(self._folder):
                private.make_folder(self._folder.parent.parent)
                try:
                    self._claim.acquire()
                except Timeout as error:
                    raise WorkerElsewhere from error
            with ExitStack() as on_error:
                # Else the next upload would find the claim taken, and nobody would go on with what is left.
                on_error.callback(self._claim.release)
                self._clear_away()
                collections = {job.collection for job, _ in self._store.unfinished()}
                on_error.pop_all()
            for collection in collections:
                self._wake(collection)

    def _clear_away(self) -> None:
        """What the last server could not: jobs that were to be stopped, and files that nothing became of."""
        for job, stopping in self._store.unfinished():
            if stopping and self._went_in(job):
                self._store.want_stopped(job.id, False)
            elif stopping:
                self._store.finish(job.id, "stopped", job.steps, None)
        for job in self._store.broken():
            self._drop_unused(job)
        for number in self._store.received():
            shutil.rmtree(self._folder / number, ignore_errors=True)
            self._store.forget(number, (self._folder / number).exists())

    def _wake(self, collection: str) -> None:
        """See to it that somebody does the jobs of a collection."""
        worker = self._workers.get(collection)
        if self._closing.is_set() or (worker and worker.is_alive()):
            return
        worker = threading.Thread(target=self._work, args=(collection,), name="jawab-jobs", daemon=True)
        self._workers[collection] = worker
        worker.start()

    def _work(self, collection: str) -> None:
        while following := self._patiently(partial(self._next, collection)):
            self._do(*following)

    def _next(self, collection: str) -> tuple[Job, JobProgress] | None:
        """The oldest job that is left; where there is none, whoever asks has gone."""
        with self._lock:
            job = None if self._closing.is_set() else self._store.next_of(collection)
            if job is None:
                del self._workers[collection]
                return None
            self._steps[job.id] = JobProgress()
            return job, self._steps[job.id]

    def _do(self, job: Job, steps: JobProgress) -> None:
        state, ended = self._outcome(job, steps)
        # One that the end of the server stopped is done again at the next start.
        if state != "stopped" or not self._closing.is_set():
            self._patiently(partial(self._end, job, state, steps, ended))
        del self._steps[job.id]

    def _outcome(self, job: Job, steps: JobProgress) -> tuple[State, IndexingReport | JawabError | None]:
        """The state in which the reading of a job ends, and its result or error."""
        try:
            return "done", self._read(job, steps)
        except JobCancelled:
            return "stopped", None
        except JawabError as error:
            return "failed", error
        except Exception as error:  # noqa: BLE001 - a fault of ours in one job must not hold up those behind it
            _log.error("unexpected", exc_info=error)
            return "failed", JobBroken()

    def _read(self, job: Job, steps: JobProgress) -> IndexingReport:
        """The summary of the reading. Raises `JobCancelled`, and what `Intake.read` raises but for what passes."""
        folder = self._folder / job.id
        while not steps.halted.is_set():
            try:
                if not self._intake.is_away(job.collection):
                    self._patiently(partial(self._store.change, job.id, "reading"))
                    summary = self._intake.read(job.collection, files_of(folder), steps)
                    return replace(summary, skipped=[as_sent(skipped, folder) for skipped in summary.skipped])
            except (CollectionRemoved, IndexLocked):
                pass
            self._patiently(partial(self._store.change, job.id, "queued"))
            steps.halted.wait(_AGAIN)
        raise JobCancelled

    def _patiently(self, use: Callable[[], _Result]) -> _Result | None:
        """The result of a use of the store: tried again where it fails, until the server ends."""
        failed = False
        while True:
            try:
                return use()
            except (JawabError, OSError) as error:
                if not failed:
                    _log.error("jobs_not_stored", exc_info=error)
                failed = True
            if self._closing.wait(_AGAIN):
                return None

    def _went_in(self, job: Job) -> bool | None:
        """Whether articles come from its files; nothing where the collection cannot be read."""
        try:
            return self._intake.has_articles_of(job.collection, self._folder / job.id)
        except JawabError:
            return None

    def _end(self, job: Job, state: State, steps: JobProgress, ended: IndexingReport | JawabError | None) -> None:
        """It has ended. Told first: killed in between, the next start removes the files of one that is not done."""
        self._store.finish(job.id, state, steps, ended)
        self._drop_unused(job)

    def _drop_unused(self, job: Job) -> None:
        """Delete the files of a job that is over, if it is certain that no article comes from them."""
        if (self._folder / job.id).exists() and self._went_in(job) is False:
            shutil.rmtree(self._folder / job.id, ignore_errors=True)
