"""Indexing jobs and their errors. A job indexes the articles of one upload into a collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from index.errors import JawabError
from index.planner import IndexingReport
from ui.errors import RequestError
from ui.jobs.progress import JobProgress

State = Literal["queued", "reading", "done", "failed", "stopped"]


class JobMissing(RequestError):
    """Job `job` does not exist, or no longer exists."""

    code = "job_missing"
    status = 404


class JobFinished(RequestError):
    """Job `job` has ended, so it cannot be stopped."""

    code = "job_finished"
    status = 409


class JobFailed(JawabError):
    """A job failed because of a bug in Jawab; the log has details."""

    code = "job_failed"


class WorkerElsewhere(JawabError):
    """Another process accepts the uploads to this folder."""

    code = "worker_elsewhere"
    retryable = True


class UploadInProgress(RequestError):
    """An upload with this idempotency key is still being received."""

    code = "upload_in_progress"
    status = 409
    retryable = True


class IdempotencyConflict(RequestError):
    """The idempotency key was used before, with another upload."""

    code = "idempotency_key_reused"
    status = 422


@dataclass(frozen=True)
class Job:
    """Snapshot of a job. `created` is in seconds since 1970, `summary` is set when it is done, `problem` when it has
    failed. Paths in the summary are the uploaded names of the files.
    """

    id: str
    collection: str
    state: State
    created: float
    files: int
    bytes: int
    steps: JobProgress = field(default_factory=JobProgress)
    summary: IndexingReport | None = None
    problem: JawabError | None = None

    @property
    def is_over(self) -> bool:
        """True if the job is done, failed or stopped."""
        return self.state in ("done", "failed", "stopped")
