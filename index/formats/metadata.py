"""Metadata as people write it (YAML front matter, JSON fields) to the fields of a draft."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping

from index.dates.parser import read_date
from index.formats.parsed import ParsedDocument


def apply_metadata(metadata: Mapping[str, object], draft: ParsedDocument) -> ParsedDocument:
    """`draft` with what `metadata` says; values that are not what their name promises are left out."""
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
    """A non-empty line of text, or `None`."""
    return " ".join(value.split()) or None if isinstance(value, str) else None


def date_of(value: object) -> str | None:
    """The calendar date that a field holds, as YYYY-MM-DD; `None` for anything that is none (`index/dates/parser.py`).

    One that can be read in two ways ("3/4/2021") is handed on as it was written, for `index/dates/publication_date.py`
    to settle with what else is known of the article.
    """
    readings = read_date(value, datetime.datetime.now(datetime.UTC).date())
    if len(readings) > 1:
        return text_of(value)
    return readings[0].isoformat() if readings else None
