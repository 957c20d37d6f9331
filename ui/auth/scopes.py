"""The scope that a request requires: read, write or admin."""

from __future__ import annotations

from ui.auth.api_keys import Scope
from ui.errors import RequestError

_READS = ("GET", "HEAD", "OPTIONS")
_QUESTIONS = ("/v1/ask", "/v1/search", "/v1/chat/completions", "/v1/embeddings", "/mcp")
"""POST routes that need only the read scope."""
_OPEN = ("/ready", "/docs", "/openapi.json", "/page/docs.js")


class InsufficientScope(RequestError):
    """The key `name` lacks the required `scope`."""

    code = "scope_missing"
    status = 403


def required_scope(method: str, path: str) -> Scope:
    """Return the scope that a key must have. The page is for people: only admin keys can open it."""
    if path.startswith(("/docs/", *_QUESTIONS)) or path in _OPEN:
        return "read"
    if path.startswith("/v1/"):
        return "read" if method in _READS else "write"
    return "admin"
