"""A job: articles that were uploaded, on their way into a collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from index.errors import JawabError
from index.planner import IndexingReport
from ui.jobs.progress import JobProgress

State = Literal["queued", "reading", "done", "failed", "stopped"]


class JobMissing(JawabError):
    """There is no job `job`, or not any more."""

    code = "job_missing"


class JobFinished(JawabError):
    """Job `job` has ended, so it cannot be stopped."""

    code = "job_over"


class JobBroken(JawabError):
    """A fault of Jawab's own ended a job; its log says which."""

    code = "job_broken"


class WorkerElsewhere(JawabError):
    """Another process takes in what is uploaded to this folder."""

    code = "jobs_elsewhere"
    retryable = True


class UploadInProgress(JawabError):
    """An upload with this idempotency key is still being received."""

    code = "upload_under_way"
    retryable = True


class IdempotencyConflict(JawabError):
    """The idempotency key came with another upload before."""

    code = "idempotency_key_reused"


@dataclass(frozen=True)
class Job:
    """A job as it is now. `created` is in seconds since 1970, `summary` there when it is done, `problem` when it has
    failed; paths in the summary are those that the files were sent under."""

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
        """Whether it has ended, in whatever way."""
        return self.state in ("done", "failed", "stopped")
