"""Markdown, with or without YAML front matter (title, date, source or url, author, lang)."""

from __future__ import annotations

from collections.abc import Iterator

import frontmatter
import yaml

from index.articles import Span
from index.formats.draft import Draft
from index.formats.encoding import decode
from index.formats.metadata import draft_with

SUFFIXES = (".md", ".markdown")


def read(data: bytes) -> Iterator[Draft]:
    """The text is the file as it stands; its front matter is kept in it, as an ignored span."""
    text = decode(data)
    try:
        metadata, content = frontmatter.parse(text)
    except (yaml.YAMLError, ValueError):
        metadata, content = {}, text
    if not metadata:
        yield Draft(text=text)
        return
    start = text.rindex(content) if content else len(text)
    yield draft_with(metadata, Draft(text=text, ignored=(Span(0, start),)))
