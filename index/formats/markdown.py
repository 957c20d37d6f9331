"""Markdown, with or without YAML front matter (title, date, source or url, author, lang)."""

from __future__ import annotations

from collections.abc import Iterator

import frontmatter
import yaml

from index.articles import Span
from index.formats.encoding import decode
from index.formats.metadata import apply_metadata
from index.formats.parsed import ParsedDocument

SUFFIXES = (".md", ".markdown")


def read(data: bytes) -> Iterator[ParsedDocument]:
    """Yield the file unchanged as one article; front matter is an ignored span of its text."""
    text = decode(data)
    try:
        metadata, content = frontmatter.parse(text)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError):
        # PyYAML's constructors of numbers and dates let any exception through ("!!timestamp foo").
        metadata, content = {}, text
    if not metadata:
        yield ParsedDocument(text=text)
        return
    yield apply_metadata(metadata, ParsedDocument(text=text, ignored=(Span(0, _start(content, text)),)))


def _start(content: str, text: str) -> int:
    """Return where `content`, in which `frontmatter` replaced every "\\r\\n" by "\\n", begins in `text`."""
    if not content:
        return len(text)
    normalized = text.replace("\r\n", "\n")
    start = normalized.rindex(content)
    lines_before = text.split("\n")[: normalized.count("\n", 0, start)]
    return start + sum(line.endswith("\r") for line in lines_before)
