"""Base class of errors that a request can cause."""

from __future__ import annotations

from typing import ClassVar

from index.errors import JawabError


class RequestError(JawabError):
    """Error of a request, with the HTTP status that reports it."""

    status: ClassVar[int]
