"""Metadata as people write it (YAML front matter, JSON fields) to the fields of a draft."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping

from index.formats.draft import Draft


def draft_with(metadata: Mapping[str, object], draft: Draft) -> Draft:
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
    """A calendar date as YYYY-MM-DD; `None` for anything that is not surely one."""
    if isinstance(value, datetime.date):
        return value.isoformat()[:10]
    try:
        return datetime.date.fromisoformat(value[:10]).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None
