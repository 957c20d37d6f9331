"""JSON lines: one article a line, with `text` and optional id, title, date, source or url, author, lang.

`ignored` may list boilerplate spans of the text as [start, end] in code points; `jawab export` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from index.articles import Span
from index.formats.encoding import decode
from index.formats.metadata import apply_metadata, text_of
from index.formats.parsed import ParsedDocument, Rejected

SUFFIXES = (".jsonl", ".ndjson")


def read(data: bytes) -> Iterator[ParsedDocument | Rejected]:
    """Yield one article a line; a broken line is rejected by number. Lines end at "\\n" alone: U+2028 is text."""
    for number, line in enumerate(decode(data).split("\n"), start=1):
        if line.strip():
            yield _article(line, number)


def _article(line: str, number: int) -> ParsedDocument | Rejected:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return Rejected("broken_json", number)
    if not isinstance(fields, dict) or not isinstance(fields.get("text"), str):
        return Rejected("no_text_field", number)
    if not fields["text"].strip():
        return Rejected("empty", number)
    given_id = fields.get("id")
    article_id = str(given_id) if isinstance(given_id, int) else text_of(given_id)
    text, ignored = fields["text"], _spans(fields.get("ignored"))
    return apply_metadata(
        fields,
        ParsedDocument(
            text=text,
            key=article_id or str(number),
            id=article_id,
            ignored=ignored if all(span.end <= len(text) for span in ignored) else (),
        ),
    )


def _spans(value: object) -> tuple[Span, ...]:
    """Return the spans of `value`; none where it is not a list of spans."""
    if not isinstance(value, list):
        return ()
    spans = [Span(*pair) for pair in value if _is_pair(pair)]
    return tuple(spans) if len(spans) == len(value) else ()


def _is_pair(pair: object) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(type(bound) is int for bound in pair)
        and 0 <= pair[0] <= pair[1]
    )
