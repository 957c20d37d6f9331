"""HTML status of an upload from the page: text and progress bar, and at the end the skipped files.

`static/upload.js` identifies the upload by its idempotency key, from before it is a job until it has ended.
"""

from __future__ import annotations

from copy import copy

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from index.articles import Language
from index.planner import IndexingReport
from ui.http.client_id import get_client_id
from ui.http.language import PageLanguage
from ui.i18n import error_message, translate
from ui.jobs.job import Job, JobMissing
from ui.jobs.job_queue import JobQueue, PendingUpload
from ui.jobs.progress import JobProgress
from ui.jobs.spool import size_of
from ui.templating import render

_TEMPLATE = "collection/upload_status.html"
_MAX_SKIPPED = 100
"""Maximum number of skipped files that are listed."""
_MINUTES_FROM = 90
"""Seconds from which the remaining time is shown in minutes."""


def upload_routes(jobs: JobQueue) -> APIRouter:
    """Return the router of the status of uploads."""
    router = APIRouter(prefix="/page/uploads")

    @router.get("/{key}", response_model=None)
    def status(request: Request, key: str, language: PageLanguage = "en") -> Response:
        try:
            upload = jobs.find_by_key(get_client_id(request.scope), key)
        except JobMissing:
            return Response(status_code=204)  # not received yet, or expired: the page polls while it sends
        html = job_html(upload, language) if isinstance(upload, Job) else pending_html(upload, language)
        return HTMLResponse(html)

    return router


def pending_html(upload: PendingUpload, language: Language) -> str:
    """Render the status of an upload that is being received."""
    files, size = size_of(upload.folder)
    message = translate("page.upload.receiving", language, files=files, megabytes=f"{size / 1e6:.1f}")
    return render(_TEMPLATE, language, state="receiving", message=message, job=None, skipped=[])


def job_html(job: Job, language: Language) -> str:
    """Render the status of a job."""
    steps = copy(job.steps)  # The job goes on in another thread; this is its progress at one moment.
    done, total = (steps.read, steps.to_read) if steps.to_read else (steps.looked_at, steps.to_look_at)
    return render(
        _TEMPLATE, language, state=job.state, message=_message(job, steps, language), job=job,
        done=done, total=max(total, 1), skipped=_skipped(job.summary, language) if job.summary else [],
    )  # fmt: skip


def _message(job: Job, steps: JobProgress, language: Language) -> str:
    if job.problem:
        return error_message(job.problem, language)
    match job.state:
        case "queued":
            return translate("page.upload.busy", language)
        case "reading" if not steps.to_read:
            return translate("page.upload.scanning", language, looked=steps.looked_at, of=steps.to_look_at)
        case "reading":
            return _reading(steps, language)
        case "done" if job.summary:
            return _done(job.summary, language)
    return translate("page.upload.stopped", language)


def _reading(steps: JobProgress, language: Language) -> str:
    message = translate("page.upload.indexing", language, read=steps.read, of=steps.to_read)
    left = steps.seconds_left
    if left is None:
        return message
    unit, amount = ("seconds", left) if left < _MINUTES_FROM else ("minutes", left / 60)
    rest = translate(f"page.upload.{unit}_left", language, left=round(amount), rate=f"{steps.rate:.1f}")
    return f"{message} {rest}"


def _done(summary: IndexingReport, language: Language) -> str:
    counts = {"added": len(summary.added), "updated": len(summary.updated), "unchanged": summary.unchanged}
    return translate("page.upload.done", language, **counts, skipped=len(summary.skipped))


def _skipped(summary: IndexingReport, language: Language) -> list[str]:
    """Return a line for each skipped file, with its uploaded name and the reason, and one for those not listed."""
    lines = []
    for skipped in summary.skipped[:_MAX_SKIPPED]:
        key = "index.skipped_line" if skipped.line else "index.skipped"
        path = "/".join(filter(None, (skipped.path, skipped.member)))
        reason = translate(f"skipped.{skipped.reason}", language)
        lines.append(translate(key, language, path=path, line=skipped.line, reason=reason))
    more = len(summary.skipped) - len(lines)
    return [*lines, translate("page.upload.more", language, count=more)] if more else lines
