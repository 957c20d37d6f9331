"""Records of the catalogue: files, articles and passages to be stored, stored passages."""

from __future__ import annotations

from dataclasses import dataclass

from index.articles import Article, Language, Span
from index.embeddings import Vectors
from index.text.chunker import Passage


@dataclass(frozen=True)
class StoredFile:
    """A file as it was when last read; `refused` lists its parts that were not indexed: (reason, line, member)."""

    path: str
    size: int
    modified_ns: int
    refused: tuple[tuple[str, int | None, str], ...] = ()


@dataclass(frozen=True)
class NewPassage:
    """A passage to be stored: its span, its language, the key of its embedding, its normalised words."""

    span: Span
    language: Language
    key: str
    words: str


@dataclass(frozen=True)
class Entry:
    """An article to be stored: its file, digests of all its parsed fields and of its text alone, passages, names."""

    article: Article
    path: str
    digest: str
    fingerprint: str
    passages: tuple[NewPassage, ...] = ()
    names: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class StoredPassage:
    """A passage with its article and its sentences: spans in the article's text, vectors of shape (n, d)."""

    passage: Passage
    article: Article
    story: int | None
    sentences: tuple[Span, ...]
    sentence_vectors: Vectors
