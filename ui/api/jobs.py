"""`/v1/jobs`: progress of uploads, and stopping one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from index.articles import Language, Skipped
from index.planner import IndexingReport
from ui.http.etags import KNOWN, cache_headers, matches, not_modified, weak_etag
from ui.http.fields import Number
from ui.http.language import page_language
from ui.http.problems import Problem, openapi_responses, problem
from ui.i18n import translate
from ui.jobs.job import Job, State
from ui.services import Services

MAX_JOBS = 500
_VARY = {"vary": "Accept-Language"}


class SkippedPart(BaseModel):
    """A file, or a line or member of one, that was not indexed. For articles sent as JSON, `path` is "articles" and
    `line` is the article's number."""

    path: str
    line: int | None
    member: str
    reason: str = Field(examples=["not_text"])
    sentence: str = Field(description="the reason in the language of Accept-Language", examples=["it is not text"])

    @classmethod
    def of(cls, skipped: Skipped, language: Language) -> Self:
        sentence = translate(f"skipped.{skipped.reason}", language)
        return cls(
            path=skipped.path, line=skipped.line, member=skipped.member, reason=skipped.reason, sentence=sentence
        )


class JobSummary(BaseModel):
    """Result of a job: ids of the added, updated and removed articles, and the skipped parts."""

    added: list[str]
    updated: list[str]
    unchanged: int
    removed: list[str]
    skipped: list[SkippedPart]

    @classmethod
    def of(cls, summary: IndexingReport, language: Language) -> Self:
        return cls(
            added=summary.added,
            updated=summary.updated,
            unchanged=summary.unchanged,
            removed=summary.removed,
            skipped=[SkippedPart.of(part, language) for part in summary.skipped],
        )


class JobListItem(BaseModel):
    """A job and its progress: files are scanned first, then passages are embedded."""

    id: str
    collection: str
    state: State
    created: str = Field(examples=["2026-01-31T12:00:00+00:00"])
    files: int = Field(description="number of files received; articles sent as JSON count as files of lines")
    bytes: int
    looked_at: int
    to_look_at: int
    read: int
    to_read: int
    seconds_left: float | None = Field(description="estimate; null if unknown")


class JobDetail(JobListItem):
    """A job with its outcome: a summary if it is done, a problem if it has failed."""

    summary: JobSummary | None = None
    problem: Problem | None = None


class JobList(BaseModel):
    """A page of the list; `next` is the value of `after` for the next page, null on the last one."""

    jobs: list[JobListItem]
    total: int
    next: int | None = Field(description="value of `after` for the next page")


def job_routes(services: Services) -> APIRouter:
    """Return the router of `/v1/jobs`."""
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    @router.get("", summary="List jobs, latest first", response_model=JobList, responses=openapi_responses(422))
    def jobs(limit: Annotated[int, Query(ge=1, le=MAX_JOBS)] = 50, after: Number = 0) -> dict[str, Any]:
        page, total = services.jobs.latest(limit, after)
        next_offset = after + limit if after + limit < total else None
        return {"jobs": [_job_fields(job) for job in page], "total": total, "next": next_offset}

    @router.get(
        "/{job_id}", summary="Get a job", response_model=JobDetail,
        responses=KNOWN | openapi_responses(404),
    )  # fmt: skip
    def job(request: Request, job_id: str) -> Response:
        body = job_detail(services.jobs.find(job_id), page_language(request.headers)).model_dump_json()
        tag = weak_etag(body)
        if matches(request, tag):
            return not_modified(tag, **_VARY)
        return Response(body, media_type="application/json", headers=cache_headers(tag, **_VARY))

    @router.post(
        "/{job_id}/stop", summary="Stop a job; nothing is indexed", status_code=202, response_model=JobDetail,
        responses=openapi_responses(404, 409, 503),
    )  # fmt: skip
    def stop(request: Request, job_id: str) -> Response:
        return answered(services.jobs.stop(job_id), page_language(request.headers))

    return router


def job_detail(job: Job, language: Language) -> JobDetail:
    """Return a job in the form of the API."""
    summary = JobSummary.of(job.summary, language) if job.summary else None
    job_problem = problem(job.problem, language) if job.problem else None
    return JobDetail(**_job_fields(job), summary=summary, problem=job_problem)


def answered(job: Job, language: Language, **headers: str) -> Response:
    """Return a 202 response with the job."""
    return JSONResponse(job_detail(job, language).model_dump(), 202, headers | _VARY)


def _job_fields(job: Job) -> dict[str, Any]:
    seconds_left = job.steps.seconds_left if job.state == "reading" else None
    return {
        "id": job.id,
        "collection": job.collection,
        "state": job.state,
        "created": datetime.fromtimestamp(job.created, UTC).isoformat(timespec="seconds"),
        "files": job.files,
        "bytes": job.bytes,
        "looked_at": job.steps.looked_at,
        "to_look_at": job.steps.to_look_at,
        "read": job.steps.read,
        "to_read": job.steps.to_read,
        "seconds_left": None if seconds_left is None else round(seconds_left, 1),
    }
