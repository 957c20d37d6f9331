"""What an error is over HTTP: a status, a code, and a sentence in the reader's language."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from index.articles import Language
from index.errors import ArticleMissing, JawabError
from ui.collections import CollectionMissing
from ui.strings import explain
from ui.web.collection.bringing import AnotherIsBrought, TooMuch
from ui.web.language import page_language

_CONFLICTS = (AnotherIsBrought, TooMuch)
_MISSING = (ArticleMissing, CollectionMissing)


def problem(error: JawabError, language: Language) -> dict[str, Any]:
    """The body."""
    return {"error": {"code": error.code, "message": explain(error, language)}}


def status(error: JawabError) -> int:
    """404 for what is not there, 409 for what cannot be now, 503 for what can be tried again, else 500."""
    if isinstance(error, _MISSING):
        return 404
    if isinstance(error, _CONFLICTS):
        return 409
    return 503 if error.retryable else 500


async def answer_problem(request: Request, error: Exception) -> Response:
    """An error that a route did not answer itself, in the language of the page."""
    if not isinstance(error, JawabError):
        raise error
    return JSONResponse(problem(error, page_language(request.headers)), status(error))
