"""What the bodies of uploads have in common: they are written to disk as they come, and have a digest."""

from __future__ import annotations

from typing import Protocol

from index.errors import JawabError
from ui.jobs.upload_dir import UploadDirectory

FORM, JSON, NDJSON = "multipart/form-data", "application/json", "application/x-ndjson"


class InvalidBody(JawabError):
    """The body of an upload is not what its `kind` says."""

    code = "body_unreadable"


class EmptyUpload(JawabError):
    """An upload without a file or an article."""

    code = "nothing_sent"


class BodyParser(Protocol):
    """A body on its way in; `parcel` is what has been kept of it. It is never whole in memory."""

    parcel: UploadDirectory

    @property
    def collection(self) -> str | None:
        """The collection that the body names."""

    @property
    def digest(self) -> str:
        """Of all that came: the same for the same upload, whatever the boundaries of its form are."""

    def write(self, part: bytes) -> None:
        """What follows. Raises `InvalidBody`, `RequestValidationError`, and what keeping it raises."""

    def finish(self) -> None:
        """That was all. Raises `EmptyUpload` too."""

    def close(self) -> None:
        """Leave no file open, however it ended."""
