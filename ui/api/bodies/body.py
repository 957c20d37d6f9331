"""What the bodies of uploads have in common: they are written to disk as they come, and have a digest."""

from __future__ import annotations

from typing import Protocol

from index.errors import JawabError
from ui.jobs.receiving import Parcel

FORM, JSON, NDJSON = "multipart/form-data", "application/json", "application/x-ndjson"


class BodyUnreadable(JawabError):
    """The body of an upload is not what its `kind` says."""

    code = "body_unreadable"


class NothingSent(JawabError):
    """An upload without a file or an article."""

    code = "nothing_sent"


class Body(Protocol):
    """A body on its way in; `parcel` is what has been kept of it. It is never whole in memory."""

    parcel: Parcel

    @property
    def collection(self) -> str | None:
        """The collection that the body names."""

    @property
    def digest(self) -> str:
        """Of all that came: the same for the same upload, whatever the boundaries of its form are."""

    def write(self, part: bytes) -> None:
        """What follows. Raises `BodyUnreadable`, `RequestValidationError`, and what keeping it raises."""

    def finish(self) -> None:
        """That was all. Raises `NothingSent` too."""

    def close(self) -> None:
        """Leave no file open, however it ended."""
