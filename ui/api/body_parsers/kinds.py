"""Selection of the body parser by `Content-Type`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException

from ui.api.body_parsers.articles import ArticlesBody
from ui.api.body_parsers.body import FORM, JSON, NDJSON, BodyParser
from ui.api.body_parsers.multipart import FormBody
from ui.api.body_parsers.ndjson import LinesBody
from ui.config import UploadSettings

_UTF8 = ("utf-8", "utf8", "us-ascii", "ascii")


def body_of(content_types: list[str], folder: Path, limits: UploadSettings) -> BodyParser:
    """Return the parser of a body with these `Content-Type` headers, which stores it in `folder` within `limits`.

    Raises `HTTPException` 415 for any other kind or more than one, and `InvalidBody`.
    """
    content_type, options = parse_options_header(content_types[0] if len(content_types) == 1 else "")
    if options.get(b"charset", b"utf-8").decode("latin-1").lower() not in _UTF8:
        raise HTTPException(415)
    parsers: dict[bytes, Callable[[], BodyParser]] = {
        FORM.encode(): lambda: FormBody(folder, limits, options.get(b"boundary", b"")),
        JSON.encode(): lambda: ArticlesBody(folder, limits),
        NDJSON.encode(): lambda: LinesBody(folder, limits),
    }
    if content_type not in parsers:
        raise HTTPException(415)
    return parsers[content_type]()
