"""Durable job queue: each upload is received into its own folder, then indexed into its collection, one after another.

The database is the source of truth. A job exists once its upload is complete, and is repeated if the server ended
before it did: indexing is idempotent. A job of a removed collection waits until that is restored, or fails when it is
deleted for good. When a job has ended, its files stay if articles come from them, since the index refers to them;
otherwise they are deleted.
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
from ui.collections.repository import CollectionRemoved
from ui.config import RetentionSettings, UploadSettings
from ui.jobs.claim import jobs_lock
from ui.jobs.job import Job, JobFailed, JobFinished, State, WorkerElsewhere
from ui.jobs.progress import JobCancelled, JobProgress
from ui.jobs.repository import JOBS, store_of
from ui.jobs.spool import as_sent, files_of
from ui.jobs.upload_dir import UploadDirectory
from ui.logs import LOGGER_NAMES

_RETRY_SECONDS = 1.0
"""Seconds until a retry when the index is locked, the collection is removed, or the database cannot be used."""
_SHUTDOWN_SECONDS = 5.0
"""Seconds for running jobs to reach their next step at shutdown; after that they are abandoned."""
_log = logging.getLogger(f"{LOGGER_NAMES}.jobs")
_Result = TypeVar("_Result")


class Intake(Protocol):
    """Writer that indexes files into collections. All methods may raise `JawabError`."""

    def is_away(self, collection: str) -> bool:
        """Return True if a collection is removed but can be restored."""

    def read(self, collection: str, files: list[Path], progress: Progress) -> IndexingReport:
        """Index files into a collection. Raises `CollectionRemoved` if it is removed."""

    def has_articles_of(self, collection: str, folder: Path) -> bool:
        """Return True if articles of a collection come from files of a folder."""


@dataclass(frozen=True)
class PendingUpload:
    """An upload that is being received into `folder`. `replays` is the id of the job that already has its idempotency
    key, if any.
    """

    id: str
    folder: Path
    replays: str | None


class JobQueue:
    """Jobs with files in `uploads` and a SQLite database beside it.

    `limits` are those of an upload. Safe to use from several threads. One process at a time accepts uploads
    (`WorkerElsewhere`); any may read jobs.
    All methods may raise the errors of `storage_errors`.
    """

    def __init__(
        self,
        uploads: Path,
        intake: Intake,
        limits: UploadSettings | None = None,
        retention: RetentionSettings | None = None,
    ) -> None:
        self.limits = limits or UploadSettings()
        self._folder = uploads / JOBS
        self._intake = intake
        self._store = store_of(uploads, retention)
        self._claim = jobs_lock(uploads)
        self._lock = threading.RLock()
        self._workers: dict[str, threading.Thread] = {}
        self._steps: dict[str, JobProgress] = {}
        self._closing = threading.Event()

    def start(self) -> None:
        """Resume the jobs of the last server. If that fails, the first upload raises the error."""
        with suppress(WorkerElsewhere, PermissionDenied):
            self._become_owner()

    def close(self) -> None:
        """Stop running jobs; they are resumed at the next start."""
        with self._lock:
            self._closing.set()
            for steps in self._steps.values():
                steps.halted.set()
            workers = list(self._workers.values())
        deadline = time.monotonic() + _SHUTDOWN_SECONDS
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
        self._store.close()
        self._claim.release()

    def begin(self, caller: str, key: str | None) -> PendingUpload:
        """Begin an upload, which must be discarded in the end. Raises `WorkerElsewhere`, `UploadInProgress`."""
        self._become_owner()
        job_id = secrets.token_urlsafe(12)
        return PendingUpload(job_id, self._folder / job_id, self._store.begin(job_id, caller, key))

    def accept(self, upload: PendingUpload, directory: UploadDirectory, collection: str, digest: str) -> Job:
        """Turn an upload into a job, durably, or return the job it replays. Raises `IdempotencyConflict`."""
        if upload.replays:
            self._store.check_same(upload.replays, digest)
            return self.find(upload.replays)
        with storage_errors(self._folder):
            sync_tree(upload.folder)
            for folder in self._folder.parents[:2]:
                sync_folder(folder)
        with self._lock:
            self._store.accept(upload.id, collection, directory.files, directory.size, digest)
            self._ensure_worker(collection)
        return self.find(upload.id)

    def discard(self, upload: PendingUpload) -> None:
        """Delete the files and free the key of an upload that did not become a job."""
        if self._store.is_receiving(upload.id):
            shutil.rmtree(upload.folder, ignore_errors=True)
            self._store.forget(upload.id, upload.folder.exists())

    def find(self, job_id: str) -> Job:
        """Return the current state of a job. Raises `JobMissing`."""
        return self._with_progress(self._store.find(job_id))

    def find_by_key(self, caller: str, key: str) -> Job | PendingUpload:
        """Return the upload with an idempotency key: its job once it is received. Raises `JobMissing`."""
        job_id = self._store.find_key(caller, key)
        if self._store.is_receiving(job_id):
            return PendingUpload(job_id, self._folder / job_id, None)
        return self.find(job_id)

    def latest(self, limit: int, after: int) -> tuple[list[Job], int]:
        """Return `limit` jobs without their results, latest first, from offset `after`, and the total number."""
        jobs, total = self._store.latest(limit, after)
        return [self._with_progress(job) for job in jobs], total

    def stop(self, job_id: str) -> Job:
        """Stop a job: at once if it is not running, else at its next step, unless its articles are indexed by then.

        Raises `JobMissing`, `JobFinished`, `WorkerElsewhere`.
        """
        self._store.find(job_id)
        self._become_owner()
        with self._lock:
            job, steps = self._store.find(job_id), self._steps.get(job_id)
            if job.state in ("done", "failed"):
                raise JobFinished(job=job_id)
            if steps:
                self._store.want_stopped(job_id, True)
                steps.halted.set()
            elif job.state != "stopped":
                self._finish(job, "stopped", job.steps, None)
        return self.find(job_id)

    def _with_progress(self, job: Job) -> Job:
        """Return the job with its current progress."""
        steps = None if job.is_over else self._steps.get(job.id)
        return replace(job, steps=steps) if steps else job

    def _become_owner(self) -> None:
        """Become the process that accepts uploads, and resume the jobs of an earlier one."""
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
                # Otherwise the next upload would find the lock held, and nothing would resume the rest.
                on_error.callback(self._claim.release)
                self._recover()
                collections = {job.collection for job, _ in self._store.unfinished()}
                on_error.pop_all()
            for collection in collections:
                self._ensure_worker(collection)

    def _recover(self) -> None:
        """Recover after a crash: finish pending cancellations, delete files of failed jobs and incomplete uploads."""
        for job, stopping in self._store.unfinished():
            if stopping and self._has_articles(job):
                self._store.want_stopped(job.id, False)
            elif stopping:
                self._store.finish(job.id, "stopped", job.steps, None)
        for job in self._store.broken():
            self._delete_if_unused(job)
        for job_id in self._store.received():
            shutil.rmtree(self._folder / job_id, ignore_errors=True)
            self._store.forget(job_id, (self._folder / job_id).exists())

    def _ensure_worker(self, collection: str) -> None:
        """Start a worker for a collection unless one is running."""
        worker = self._workers.get(collection)
        if self._closing.is_set() or (worker and worker.is_alive()):
            return
        worker = threading.Thread(target=self._work, args=(collection,), name="jawab-jobs", daemon=True)
        self._workers[collection] = worker
        worker.start()

    def _work(self, collection: str) -> None:
        while next_job := self._with_retry(partial(self._next, collection)):
            self._run_job(*next_job)

    def _next(self, collection: str) -> tuple[Job, JobProgress] | None:
        """Return the oldest remaining job. If there is none, the calling worker is deregistered."""
        with self._lock:
            job = None if self._closing.is_set() else self._store.next_of(collection)
            if job is None:
                del self._workers[collection]
                return None
            self._steps[job.id] = JobProgress()
            return job, self._steps[job.id]

    def _run_job(self, job: Job, steps: JobProgress) -> None:
        state, outcome = self._outcome(job, steps)
        # A job stopped by the shutdown is repeated at the next start.
        if state != "stopped" or not self._closing.is_set():
            self._with_retry(partial(self._finish, job, state, steps, outcome))
        del self._steps[job.id]

    def _outcome(self, job: Job, steps: JobProgress) -> tuple[State, IndexingReport | JawabError | None]:
        """Run a job and return its final state and its result or error."""
        try:
            return "done", self._read(job, steps)
        except JobCancelled:
            return "stopped", None
        except JawabError as error:
            return "failed", error
        except Exception as error:  # noqa: BLE001 - a bug in one job must not block those behind it
            _log.error("unexpected", exc_info=error)
            return "failed", JobFailed()

    def _read(self, job: Job, steps: JobProgress) -> IndexingReport:
        """Index the files of a job. Raises `JobCancelled`, and the errors of `Intake.read` that are not temporary."""
        folder = self._folder / job.id
        while not steps.halted.is_set():
            try:
                if not self._intake.is_away(job.collection):
                    self._with_retry(partial(self._store.change, job.id, "reading"))
                    summary = self._intake.read(job.collection, files_of(folder), steps)
                    return replace(summary, skipped=[as_sent(skipped, folder) for skipped in summary.skipped])
            except (CollectionRemoved, IndexLocked):
                pass
            self._with_retry(partial(self._store.change, job.id, "queued"))
            steps.halted.wait(_RETRY_SECONDS)
        raise JobCancelled

    def _with_retry(self, operation: Callable[[], _Result]) -> _Result | None:
        """Call `operation`, retrying on errors until the server ends; then return `None`."""
        logged = False
        while True:
            try:
                return operation()
            except (JawabError, OSError) as error:
                if not logged:
                    _log.error("jobs_not_stored", exc_info=error)
                logged = True
            if self._closing.wait(_RETRY_SECONDS):
                return None

    def _has_articles(self, job: Job) -> bool | None:
        """Return whether articles come from the job's files; `None` if the collection cannot be read."""
        try:
            return self._intake.has_articles_of(job.collection, self._folder / job.id)
        except JawabError:
            return None

    def _finish(self, job: Job, state: State, steps: JobProgress, outcome: IndexingReport | JawabError | None) -> None:
        """Store the end of a job, then delete unused files. After a kill in between, the next start deletes them
        unless the job is done.
        """
        self._store.finish(job.id, state, steps, outcome)
        self._delete_if_unused(job)

    def _delete_if_unused(self, job: Job) -> None:
        """Delete the files of an ended job, if it is certain that no article comes from them."""
        if (self._folder / job.id).exists() and self._has_articles(job) is False:
            shutil.rmtree(self._folder / job.id, ignore_errors=True)
