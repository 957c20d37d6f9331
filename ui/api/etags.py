"""ETags: who has seen a thing as it is now need not be sent it again."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from index.storage.digest import digest_of

KNOWN: dict[int | str, dict[str, Any]] = {304: {"description": "It is as it was (If-None-Match)"}}
"""The answer to whoever has it, as OpenAPI has it."""


def etag(*parts: str) -> str:
    """A strong tag: what has the same is the same, byte for byte."""
    return f'"{digest_of(*parts)[:32]}"'


def weak_etag(*parts: str) -> str:
    """A weak tag: what has the same says the same."""
    return f"W/{etag(*parts)}"


def cache_headers(tag: str, **more: str) -> dict[str, str]:
    """The headers of an answer that is kept by whoever asked, and asked for again before it is used."""
    return {"etag": tag, "cache-control": "private, no-cache"} | more


def matches(request: Request, tag: str) -> bool:
    """Whether the request names the tag as one that it has (`If-None-Match`)."""
    names = [name.strip() for line in request.headers.getlist("if-none-match") for name in line.split(",")]
    return "*" in names or tag.removeprefix("W/") in [name.removeprefix("W/") for name in names]


def not_modified(tag: str, **more: str) -> Response:
    """The answer to whoever has it."""
    return Response(status_code=304, headers=cache_headers(tag, **more))
