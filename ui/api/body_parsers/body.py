"""Protocol of the upload body parsers: bodies are written to disk as they arrive and have a digest."""

from __future__ import annotations

from typing import Protocol

from ui.errors import RequestError
from ui.jobs.upload_dir import UploadDirectory

FORM, JSON, NDJSON = "multipart/form-data", "application/json", "application/x-ndjson"


class InvalidBody(RequestError):
    """The body of an upload is not valid for its content type `kind`."""

    code = "invalid_body"
    status = 422


class EmptyUpload(RequestError):
    """An upload without a file or an article."""

    code = "empty_upload"
    status = 422


class BodyParser(Protocol):
    """Streaming parser of an upload body, which is never held in memory; `upload_directory` has the stored files."""

    upload_directory: UploadDirectory

    @property
    def collection(self) -> str | None:
        """The collection named in the body, if any."""

    @property
    def digest(self) -> str:
        """Digest of the content received; it does not depend on the form's multipart boundary."""

    def write(self, chunk: bytes) -> None:
        """Parse the next part. Raises `InvalidBody`, `RequestValidationError`, and errors of writing to disk."""

    def finish(self) -> None:
        """Complete the body. Raises the errors of `write`, and `EmptyUpload`."""

    def close(self) -> None:
        """Close all files, also after an error."""
