"""Fakes of the real parts, for tests and for trying Jawab without models. They pass the same contract tests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from index.embeddings import PassageEmbedding, PassageText, Progress, Vectors
from index.text.words import content_words


class HashEmbedder:
    """A bag of hashed words: texts that share words (or their first letters) are near, others are not.

    Arabic-aware folding unifies spellings of a word, so that search works for small collections.
    """

    name = "fake-hash-embedder"

    def __init__(self, dimension: int = 4096, fingerprint: str | None = None) -> None:
        self.dimension = dimension
        self.fingerprint = fingerprint or f"{self.name}/{dimension}"

    def embed_queries(self, queries: Sequence[str]) -> Vectors:
        return np.stack([self._vector(query) for query in queries]) if queries else self._no_vectors()

    def embed_passages(self, texts: Sequence[PassageText], progress: Progress | None = None) -> list[PassageEmbedding]:
        embedded = []
        for text in texts:
            sentences = [self._vector(text.text[span.start : span.end]) for span in text.sentences]
            rows = np.stack(sentences) if sentences else self._no_vectors()
            embedded.append(PassageEmbedding(self._vector(f"{text.title} {text.text}"), rows))
            if progress:
                progress(1)
        return embedded

    def _no_vectors(self) -> Vectors:
        return np.empty((0, self.dimension), dtype=np.float32)

    def _vector(self, text: str) -> Vectors:
        # Never all zeros, so that every row has unit length as a real embedder's has.
        vector = np.full(self.dimension, 1e-3, dtype=np.float32)
        for stem in content_words(text):
            vector[int.from_bytes(hashlib.sha256(stem.encode()).digest()[:4], "big") % self.dimension] += 1.0
        unit: Vectors = (vector / np.linalg.norm(vector)).astype(np.float32)
        return unit
