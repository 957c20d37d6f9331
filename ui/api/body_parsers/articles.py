"""Parser of JSON uploads: one article or a list. Each article is validated as it arrives and stored as a line."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import ijson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from index.articles import Language
from ui.api.body_parsers.body import JSON, EmptyUpload, InvalidBody
from ui.config import UploadSettings
from ui.jobs.spool import LINES, MAX_LINE_BYTES, NdjsonSpool, article_too_large
from ui.jobs.upload_dir import UploadDirectory

_MAX_DEPTH = 20
"""Maximum nesting of an article's fields; those that are used have one level."""


class NewArticle(BaseModel):
    """An uploaded article. It replaces an article uploaded earlier with the same `id`."""

    model_config = ConfigDict(strict=True)

    text: str = Field(min_length=1)
    id: Annotated[str, Field(min_length=1)] | Annotated[int, Field(ge=0, le=2**53)] | None = None
    title: str | None = None
    date: str | None = Field(None, description="publication date, ISO or written in Arabic or English")
    source: str | None = Field(None, description="publisher or URL")
    url: str | None = Field(None, description="URL; used if there is no `source`")
    author: str | None = None
    lang: Language | None = Field(None, description="detected from the text by default")


class ArticlesBody:
    """Streaming parser of `application/json`."""

    collection = None

    def __init__(self, folder: Path, limits: UploadSettings) -> None:
        self.upload_directory = UploadDirectory(folder=folder / LINES, limits=limits)
        self._spool = NdjsonSpool(self.upload_directory)
        self._hash = hashlib.sha256(JSON.encode())
        self._events: list[tuple[str, Any]] = ijson.sendable_list()
        # `basic_parse`, without path prefixes: with them, deeply nested lists would exhaust memory.
        self._parser = ijson.basic_parse_coro(self._events, use_float=True)
        self._builder = ijson.ObjectBuilder()
        self._is_list: bool | None = None
        self._depth = 0
        self._count = 0
        self._size = 0

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        if not chunk:
            return  # ijson interprets an empty chunk as the end
        self._hash.update(chunk)
        self._size += len(chunk)
        try:
            self._parser.send(chunk)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            raise InvalidBody(kind=JSON) from error
        self._handle_events()
        if self._size > MAX_LINE_BYTES:
            raise article_too_large()

    def finish(self) -> None:
        try:
            self._parser.close()
        except ijson.JSONError as error:
            raise InvalidBody(kind=JSON) from error
        self._handle_events()
        if not self._count:
            raise EmptyUpload
        self._spool.close()

    def close(self) -> None:
        self._spool.close()
        with suppress(ijson.JSONError):
            self._parser.close()

    def _handle_events(self) -> None:
        for event, value in self._events:
            if self._is_list is None:
                self._is_list = event == "start_array"
                if self._is_list:
                    continue
            if not (event == "end_array" and self._depth == 0):
                self._build(event, value)
        self._events.clear()

    def _build(self, event: str, value: object) -> None:
        """Add one JSON event to the current article, and store the article when it is complete."""
        self._builder.event(event, value)
        self._depth += event.startswith("start_") - event.startswith("end_")
        if self._depth > _MAX_DEPTH:
            raise InvalidBody(kind=JSON)
        if self._depth == 0:
            self._store(self._builder.value)
            self._builder = ijson.ObjectBuilder()
            self._size = 0

    def _store(self, value: object) -> None:
        try:
            article = NewArticle.model_validate(value)
        except ValidationError as error:
            location = ("body", self._count) if self._is_list else ("body",)
            invalid = error.errors(include_url=False, include_context=False, include_input=False)
            details = [{"loc": (*location, *field["loc"]), "msg": field["msg"]} for field in invalid]
            raise RequestValidationError(details) from error
        self._count += 1
        self._spool.write(json.dumps(article.model_dump(exclude_none=True)).encode() + b"\n")
