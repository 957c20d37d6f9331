"""Error responses (RFC 9457 problem details): a status, a code for programs, and a message with the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from index.articles import Language
from index.errors import ArticleMissing, JawabError
from qa.errors import PromptTooLong, QuestionEmpty, QuestionLanguage, QuestionTooLong
from ui.errors import DEPRECATED_CODES, RequestError
from ui.http.language import page_language
from ui.http.request_id import request_id
from ui.i18n import error_message, texts, translate

MEDIA_TYPE = "application/problem+json"
CLIENT_CLOSED_REQUEST = 499
"""Status of a request whose client has disconnected; the client never receives it."""
_DEFAULT_RETRY_SECONDS = 5
"""Default `Retry-After` in seconds, for errors without an estimate."""
_STATUSES: dict[type[JawabError], int] = {
    ArticleMissing: 404,
    PromptTooLong: 422,
    QuestionEmpty: 422,
    QuestionLanguage: 422,
    QuestionTooLong: 422,
}
"""Statuses of errors that are defined outside `ui`."""


class Problem(BaseModel):
    """Body of every error response."""

    type: str = "about:blank"
    title: str = Field(description="phrase of the HTTP status", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="cause and remedy, in the language of Accept-Language")
    code: str = Field(description="stable code for programs", examples=["article_missing"])
    deprecated_code: str | None = Field(
        default=None, description="the former `code`, if it was renamed; the next version omits it",
        examples=["line_full"],
    )  # fmt: skip
    retryable: bool = Field(description="whether the same request may succeed later")
    request_id: str | None = Field(default=None, description="the X-Request-ID of this request")
    errors: list[dict[str, Any]] | None = Field(default=None, description="the invalid fields of the request")
    retry_after: int | None = Field(default=None, description="seconds, as in Retry-After", examples=[12])


def problem(error: JawabError, language: Language, req_id: str | None = None) -> Problem:
    """Return the problem that reports `error`."""
    code = status(error)
    return Problem(
        title=HTTPStatus(code).phrase, status=code, detail=error_message(error, language), code=error.code,
        deprecated_code=DEPRECATED_CODES.get(error.code), retryable=error.retryable, request_id=req_id,
        retry_after=_retry_seconds(error) if code in (429, 503) else None,
    )  # fmt: skip


def status(error: JawabError) -> int:
    """Return the error's HTTP status; by default 503 if it is retryable, else 500."""
    if isinstance(error, RequestError):
        return error.status
    return _STATUSES.get(type(error)) or (503 if error.retryable else 500)


def _retry_seconds(error: JawabError) -> int:
    """Return the seconds to wait before a retry."""
    seconds = error.fields.get("seconds")
    return seconds if isinstance(seconds, int) else _DEFAULT_RETRY_SECONDS


def openapi_responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI descriptions of these statuses, each with a problem as its body."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {code: {"description": HTTPStatus(code).phrase, "content": content} for code in codes}


def problem_response(body: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem as a response."""
    if body.retry_after is not None:
        headers = dict(headers or {}) | {"retry-after": str(body.retry_after)}
    return JSONResponse(body.model_dump(exclude_none=True), body.status, headers, MEDIA_TYPE)


async def handle_error(request: Request, error: Exception) -> Response:
    """Handle a `JawabError` that a route raised."""
    if not isinstance(error, JawabError):
        raise error
    return problem_response(problem(error, page_language(request.headers), request_id(request.scope)))


async def handle_http_exception(request: Request, error: Exception) -> Response:
    """Handle an `HTTPException` of a route or the router."""
    if not isinstance(error, HTTPException):
        raise error
    return of_code(request, error.status_code, error.headers)


def of_code(request: Request, code: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem for a bare status code."""
    phrase, language = HTTPStatus(code).phrase, page_language(request.headers)
    name = phrase.lower().replace(" ", "_")
    key = f"http.{name}" if f"http.{name}" in texts(language) else "http.other"
    body = Problem(
        title=phrase,
        status=code,
        detail=translate(key, language, status=code, phrase=phrase),
        code=name,
        retryable=False,
        request_id=request_id(request.scope),
    )
    return problem_response(body, headers)


async def handle_validation_error(request: Request, error: Exception) -> Response:
    """Handle a request with invalid fields."""
    if not isinstance(error, RequestValidationError):
        raise error
    language = page_language(request.headers)
    fields = [
        {"at": list(field_error["loc"]), "is": _field_message(field_error, language)} for field_error in error.errors()
    ]
    return problem_response(
        Problem(
            title=HTTPStatus(422).phrase, status=422, detail=translate("http.invalid", language),
            code="invalid", retryable=False, request_id=request_id(request.scope), errors=fields,
        )
    )  # fmt: skip


def _field_message(field_error: Mapping[str, Any], language: Language) -> str:
    """Return the message for an invalid field: that of the `JawabError` that caused it, else pydantic's."""
    cause = getattr(field_error.get("ctx", {}).get("error"), "__cause__", None)
    return error_message(cause, language) if isinstance(cause, JawabError) else str(field_error["msg"])
