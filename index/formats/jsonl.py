"""JSON lines: one article a line, with `text` and perhaps id, title, date, source or url, author, lang."""

from __future__ import annotations

import json
from collections.abc import Iterator

from index.formats.draft import Draft, Refused
from index.formats.encoding import decode
from index.formats.metadata import draft_with, text_of

SUFFIXES = (".jsonl", ".ndjson")


def read(data: bytes) -> Iterator[Draft | Refused]:
    """A broken line is refused by its number; the others go in. Lines end at "\\n" alone: U+2028 is text."""
    for number, line in enumerate(decode(data).split("\n"), start=1):
        if line.strip():
            yield _article(line, number)


def _article(line: str, number: int) -> Draft | Refused:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return Refused("broken_json", number)
    if not isinstance(fields, dict) or not isinstance(fields.get("text"), str):
        return Refused("no_text_field", number)
    if not fields["text"].strip():
        return Refused("empty", number)
    given = fields.get("id")
    article_id = str(given) if isinstance(given, int) else text_of(given)
    return draft_with(fields, Draft(text=fields["text"], key=article_id or str(number), id=article_id))
