"""ETag helpers for conditional GET (304 Not Modified)."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from index.storage.digest import digest_of

KNOWN: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified (If-None-Match)"}}
"""OpenAPI description of the 304 response."""


def etag(*parts: str) -> str:
    """Return a strong tag: equal tags mean byte-identical content."""
    return f'"{digest_of(*parts)[:32]}"'


def weak_etag(*parts: str) -> str:
    """Return a weak tag: equal tags mean equivalent content."""
    return f"W/{etag(*parts)}"


def cache_headers(tag: str, **extra: str) -> dict[str, str]:
    """Return headers of a response that only the client may cache, and must revalidate before each use."""
    return {"etag": tag, "cache-control": "private, no-cache"} | extra


def matches(request: Request, tag: str) -> bool:
    """Return whether the request's `If-None-Match` has the tag."""
    accepted = [candidate.strip() for line in request.headers.getlist("if-none-match") for candidate in line.split(",")]
    return "*" in accepted or tag.removeprefix("W/") in [candidate.removeprefix("W/") for candidate in accepted]


def not_modified(tag: str, **extra: str) -> Response:
    """Return the 304 response."""
    return Response(status_code=304, headers=cache_headers(tag, **extra))
