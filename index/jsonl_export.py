"""Export of all articles as JSON lines, which `jawab index` imports with the same ids, dates and texts.

The format is for other programs and other versions: it has the parsed articles, and no computed data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from index.articles import Article, Copy
from index.errors import FileExists
from index.storage.catalog import Catalog
from index.storage.database import storage_errors
from index.storage.durable import put_in_place

FULL = 32 * 2**20
"""Maximum bytes of a file: half of the largest that is read (`index/ingestion`)."""


def export_articles(catalog: Catalog, target: Path) -> list[Path]:
    """Write all articles and copies to `target`, and beyond `FULL` bytes to `NAME-2.jsonl` and so on.

    Returns the files; they appear once all are written. Raises `FileExists`, and the errors of `storage_errors`.
    """
    partial: list[Path] = []
    with storage_errors(target.parent):
        try:
            for lines in _parts(_lines(catalog)):
                part = _part_path(target, len(partial) + 1)
                if part.exists():
                    raise FileExists(file=part)
                partial.append(part.with_name(f"{part.name}.partial"))
                partial[-1].write_text("".join(lines), encoding="utf-8")
            written = [path.with_suffix("") for path in partial]
            for path, final_path in zip(partial, written, strict=True):
                put_in_place(path, final_path)
            return written
        finally:
            for path in partial:
                path.unlink(missing_ok=True)


def _part_path(target: Path, number: int) -> Path:
    return target if number == 1 else target.with_name(f"{target.stem}-{number}{target.suffix}")


def _parts(lines: Iterator[str]) -> Iterator[list[str]]:
    """Split the lines into parts of at most `FULL` bytes; one empty part where there is no line."""
    part: list[str] = []
    size = 0
    for line in lines:
        if part and size + len(line.encode()) > FULL:
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line.encode())
    yield part


def _lines(catalog: Catalog) -> Iterator[str]:
    with catalog.snapshot():
        copies = catalog.copies()
        for article in catalog.articles():
            yield _line(article)
            # After their article, so that they become its copies again on import.
            for copy in copies.get(article.id, ()):
                yield _line(_as_article(copy, article))


def _as_article(copy: Copy, article: Article) -> Article:
    return replace(
        article, id=copy.id, title=copy.title, date=copy.date, source=copy.source, author=copy.author,
    )  # fmt: skip


def _line(article: Article) -> str:
    fields = {
        "id": article.id,
        "title": article.title,
        "text": article.text,
        "date": article.date,
        "source": article.source,
        "author": article.author,
        "lang": article.language,
        "ignored": [[span.start, span.end] for span in article.ignored],
    }
    return json.dumps({name: value for name, value in fields.items() if value}, ensure_ascii=False) + "\n"
