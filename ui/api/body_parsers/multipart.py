"""Parser of multipart uploads: files in any fields, and the optional field `collection`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from fastapi.exceptions import RequestValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from index.storage import private
from index.storage.database import storage_errors
from ui.api.body_parsers.body import FORM, EmptyUpload, InvalidBody
from ui.config import UploadSettings
from ui.jobs.spool import NAMED
from ui.jobs.upload_dir import UploadDirectory

_MAX_FIELD_BYTES = 300
"""Maximum bytes of a field that is not a file."""
_MAX_BOUNDARY_LENGTH = 70
"""Maximum characters (RFC 2046)."""


class FormBody:
    """Streaming parser of `multipart/form-data`. Raises `InvalidBody` if the boundary is empty or too long."""

    def __init__(self, folder: Path, limits: UploadSettings, boundary: bytes) -> None:
        self.upload_directory = UploadDirectory(folder=folder / NAMED, limits=limits)
        self.collection: str | None = None
        self._digests: list[str] = []
        self._header, self._value, self._disposition = b"", b"", b""
        self._field_name = ""
        self._field: bytearray | None = None
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._is_complete = False
        if not 0 < len(boundary) <= _MAX_BOUNDARY_LENGTH:
            raise InvalidBody(kind=FORM)
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": self._on_header,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_part,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join([FORM, *self._digests]).encode()).hexdigest()

    def write(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidBody(kind=FORM) from error

    def finish(self) -> None:
        if not self._is_complete:
            raise InvalidBody(kind=FORM)
        if not self.upload_directory.files:
            raise EmptyUpload

    def close(self) -> None:
        if self._file:
            with storage_errors(self.upload_directory.folder):
                self._file.close()

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _on_part(self) -> None:
        """Begin a part, which is a file or a field. A file with an empty name (no file was chosen) is ignored."""
        _, options = parse_options_header(self._disposition)
        self._disposition = b""
        self._field_name, name = _text(options.get(b"name", b"")), options.get(b"filename")
        if name:
            path = self.upload_directory.place_for(_text(name.replace(b"%22", b'"')))  # as browsers escape it
            self._hash = hashlib.sha256(name + b"\0")
            with storage_errors(self.upload_directory.folder):
                self._file = private.new_file(path)
        elif name is None:
            self._field = bytearray()
            if self._field_name != "collection" or self.collection is not None:
                raise self._invalid_field()

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        chunk = data[start:end]
        if self._file:
            self._hash.update(chunk)
            self.upload_directory.write(chunk, self._file)
        elif self._field is not None:
            self._field += chunk
            if len(self._field) > _MAX_FIELD_BYTES:
                raise self._invalid_field()

    def _on_part_end(self) -> None:
        if self._file:
            self.close()
            self._digests.append(self._hash.hexdigest())
        elif self._field is not None:
            self.collection = _text(self._field)
        self._file, self._field = None, None

    def _on_end(self) -> None:
        self._is_complete = True

    def _invalid_field(self) -> RequestValidationError:
        return RequestValidationError([{"loc": ("body", self._field_name), "msg": "Not a file or a collection"}])


def _text(value: bytes | bytearray) -> str:
    return value.decode("utf-8", "replace")
