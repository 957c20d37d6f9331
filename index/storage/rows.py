"""Rows of the catalogue's tables: columns, checksums for damage detection, conversion to articles."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from index.articles import Article, Span
from index.embeddings import Vectors

_COLUMNS = (
    "id", "title", "text", "language", "date", "source", "author", "date_from", "date_certainty", "ignored",
)  # fmt: skip
ARTICLE = ", ".join(_COLUMNS)
ARTICLE_OF_A = ", ".join(f"a.{column}" for column in _COLUMNS)
COPIED = ", ".join(f"{'a' if column in ('text', 'language', 'ignored') else 'c'}.{column}" for column in _COLUMNS)
STORED = f"{ARTICLE}, path, digest, fingerprint"
COPY = "id, path, title, date, date_from, date_certainty, source, author, digest"
EMBEDDING = "key, passage, sentences, spans"


def checksum_of(row: Sequence[object]) -> int:
    """Return the CRC-32 of a row's values, by which a flipped bit is detected."""
    checksum = 0
    for value in row:
        data = value if isinstance(value, bytes) else repr(value).encode("utf-8", "surrogatepass")
        checksum = zlib.crc32(data, checksum)
    return checksum


def matrix(blob: bytes, rows: int) -> Vectors:
    """Convert float16 bytes as stored in the catalogue to float32, shape (rows, dimension)."""
    vectors = np.frombuffer(blob, dtype=np.float16).astype(np.float32)
    return vectors.reshape(rows, -1) if rows else vectors.reshape(0, 0)


def values_of(article: Article, path: str) -> tuple[object, ...]:
    *fields, _ = (getattr(article, column) for column in _COLUMNS)
    return (*fields, json.dumps([(span.start, span.end) for span in article.ignored]), path)


def article_of(row: Sequence[Any]) -> tuple[Article, str, str, str]:
    """Convert the columns `STORED` to an article, its file, its digest and its fingerprint."""
    *fields, path, digest, fingerprint = row
    return article_in(fields), path, digest, fingerprint


def article_in(row: Sequence[Any]) -> Article:
    *fields, ignored = row
    spans = tuple(Span(start, end) for start, end in json.loads(ignored))
    return Article(**dict(zip(_COLUMNS[:-1], fields, strict=True)), ignored=spans)
