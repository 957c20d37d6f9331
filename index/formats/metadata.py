"""Conversion of written metadata (YAML front matter, JSON fields) to fields of a `ParsedDocument`."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping

from index.dates.parser import read_date
from index.formats.parsed import ParsedDocument


def apply_metadata(metadata: Mapping[str, object], draft: ParsedDocument) -> ParsedDocument:
    """Return `draft` with the fields of `metadata`; values of the wrong kind are left out."""
    language = text_of(metadata.get("lang"))
    return dataclasses.replace(
        draft,
        title=text_of(metadata.get("title")),
        date=date_of(metadata.get("date")),
        source=text_of(metadata.get("source")) or text_of(metadata.get("url")),
        author=text_of(metadata.get("author")),
        language="ar" if language == "ar" else "en" if language == "en" else None,
    )


def text_of(value: object) -> str | None:
    """Return a non-empty line of text, or `None`."""
    return " ".join(value.split()) or None if isinstance(value, str) else None


def date_of(value: object) -> str | None:
    """Return the date in a field as YYYY-MM-DD; `None` for anything that is not a date (`index/dates/parser.py`).

    An ambiguous one ("3/4/2021") is returned as written; `index/dates/publication_date.py` resolves it by the other
    dates and the language of the article.
    """
    readings = read_date(value, datetime.datetime.now(datetime.UTC).date())
    if len(readings) > 1:
        return text_of(value)
    return readings[0].isoformat() if readings else None
