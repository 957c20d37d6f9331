"""Search: a question in, the passages that may answer it out, best first.

Dense for now. Keyword search joins here, as a second list of passage numbers that is fused with the first.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from index.articles import Article, Span
from index.catalog import Catalog, StoredPassage
from index.embed import Embedder, Vectors
from index.passages import Passage
from index.vectors import VectorIndex


@dataclass(frozen=True)
class Sentence:
    """A sentence of a found passage; `score` is the cosine of sentence (in its context) and question."""

    span: Span
    text: str
    score: float


@dataclass(frozen=True)
class Hit:
    """A found passage with its article; `score` is the cosine of passage and question."""

    passage: Passage
    article: Article
    score: float
    sentences: tuple[Sentence, ...]


class Searcher:
    """Searches one index folder, and notices when another process has changed it."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._embedder = embedder
        self._lock = threading.Lock()
        self.embedder_name = embedder.name
        self.catalog = Catalog.open(folder)
        self.catalog.require(embedder.fingerprint)
        self._generation = self.catalog.generation
        self._vectors = VectorIndex.of(self.catalog)

    def prepare(self) -> None:
        """Load the embedder, so that the first question need not wait for it."""
        self._embedder.embed_queries([self.embedder_name])

    def search(self, question: str, k: int = 10) -> list[Hit]:
        """The `k` passages nearest to the question in meaning, best first."""
        query = self._embedder.embed_queries([question])[0]
        with self._lock:
            self._refresh()
            nearest = self._vectors.nearest(query, k)
            return [_hit(self.catalog.passage(number), score, query) for number, score in nearest]

    def _refresh(self) -> None:
        generation = self.catalog.generation
        if generation != self._generation:
            self._vectors = VectorIndex.of(self.catalog)
            self._generation = generation


def _hit(stored: StoredPassage, score: float, query: Vectors) -> Hit:
    scores = stored.sentence_vectors @ query
    text = stored.article.text
    sentences = (
        Sentence(span, text[span.start : span.end], float(cosine))
        for span, cosine in zip(stored.sentences, scores, strict=True)
    )
    return Hit(stored.passage, stored.article, score, tuple(sentences))
