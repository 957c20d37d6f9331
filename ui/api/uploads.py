"""`POST /v1/articles`: receives articles, which a job then indexes."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from index.storage.digest import digest_of
from ui.api.articles import CollectionId
from ui.api.body_parsers.articles import NewArticle
from ui.api.body_parsers.body import FORM, JSON, NDJSON
from ui.api.body_parsers.kinds import body_of
from ui.api.examples import UPLOADED, UPLOADED_FILES, UPLOADED_LINES
from ui.api.jobs import JobDetail, answered
from ui.config import UploadSettings
from ui.http.client_id import get_client_id
from ui.http.language import page_language
from ui.http.problems import of_code, openapi_responses
from ui.jobs.job import Job
from ui.jobs.job_queue import PendingUpload
from ui.jobs.upload_dir import UploadTooLarge
from ui.services import Services

MAX_KEY_LENGTH = 255
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=MAX_KEY_LENGTH,
        description="unique key of this upload: a repeated upload returns the same job (for a day by default)",
    ),
]  # fmt: skip
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": JobDetail,
        "description": "The upload is complete; a job indexes it",
        "headers": {
            "Location": {"schema": {"type": "string"}, "description": "URL of the job"},
            "Idempotency-Replayed": {
                "schema": {"type": "string", "enum": ["true"]},
                "description": "present if the job is that of an earlier upload with this key",
            },
        },
    }
}


def upload_routes(services: Services) -> APIRouter:
    """Return the upload router."""
    router = APIRouter(tags=["articles"])

    @router.post(
        "/v1/articles", summary="Upload articles", status_code=202, response_model=None,
        responses=_ACCEPTED | openapi_responses(403, 404, 409, 413, 415, 422, 503),
        openapi_extra={"requestBody": _documented_body()},
    )  # fmt: skip
    async def upload(request: Request, collection: CollectionId = None, key: Key = None) -> Response:
        _check_length(request.headers.get("content-length", ""), services.jobs.limits)
        await run_in_threadpool(services.collections.find, collection)
        pending = await run_in_threadpool(services.jobs.begin, get_client_id(request.scope), key)
        try:
            job = await _receive(request, services, pending, collection)
        except ClientDisconnect:
            return of_code(request, 400)
        finally:
            await run_in_threadpool(services.jobs.discard, pending)
        replay_headers = {"Idempotency-Replayed": "true"} if pending.replays else {}
        return answered(job, page_language(request.headers), Location=f"/v1/jobs/{job.id}", **replay_headers)

    return router


async def _receive(request: Request, services: Services, upload: PendingUpload, collection: str | None) -> Job:
    """Receive the body and return the job created for it."""
    size = 0
    with closing(body_of(request.headers.getlist("content-type"), upload.folder, services.jobs.limits)) as body:
        async for chunk in request.stream():
            size += len(chunk)
            if size > services.jobs.limits.max_bytes:
                raise UploadTooLarge.of(services.jobs.limits)
            await run_in_threadpool(body.write, chunk)
        await run_in_threadpool(body.finish)
        target = await run_in_threadpool(_target_collection, services, collection, body.collection)
        return await run_in_threadpool(
            services.jobs.accept, upload, body.upload_directory, target, digest_of(target, body.digest)
        )


def _target_collection(services: Services, in_query: str | None, in_form: str | None) -> str:
    """Return the id of the upload's collection. Raises `CollectionMissing` and `RequestValidationError`."""
    if in_query and in_form and in_query != in_form:
        raise RequestValidationError([{"loc": ("body", "collection"), "msg": "The query has another collection"}])
    return services.collections.find(in_form or in_query).id


def _check_length(length: str, limits: UploadSettings) -> None:
    """Raise `UploadTooLarge` if `Content-Length` exceeds the limit."""
    if length.isdecimal() and int(length[:20]) > limits.max_bytes:
        raise UploadTooLarge.of(limits)


def _documented_body() -> dict[str, Any]:
    article = NewArticle.model_json_schema()
    files = {
        "type": "object",
        "required": ["files"],
        "properties": {
            "files": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}},
            "collection": {"type": "string", "description": "id of the collection; the first by default"},
        },
        "additionalProperties": False,
    }
    articles = {"anyOf": [article, {"type": "array", "minItems": 1, "items": article}]}
    # Not constrained: a line that is not an article is skipped and reported in the job.
    lines = {"description": "articles as in application/json, one per line"}
    return {
        "required": True,
        "content": {
            JSON: {"schema": articles, "examples": UPLOADED},
            NDJSON: {"schema": lines, "examples": UPLOADED_LINES},
            FORM: {"schema": files, "examples": UPLOADED_FILES},
        },
    }
