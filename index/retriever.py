"""Retriever: finds the passages that may answer a question, best first.

    question → query (words, phrases in quotes) → nearest vectors and matching words, fused → passages

A search reads one snapshot of the index; a writer may change it meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from index.articles import Article, Span
from index.embeddings import Embedder, Vectors
from index.publications import PublicationReader, Publications
from index.retrieval.bm25 import keyword_search, phrase_search
from index.retrieval.filters import Filter, allowed_passages
from index.retrieval.fusion import fuse
from index.retrieval.query import Query, parse_query
from index.runtime.fair_lock import FairLock
from index.storage.catalog import Catalog
from index.storage.entries import StoredPassage
from index.text.chunker import Passage
from index.vectors.faiss_store import FAISS
from index.vectors.store import ScoredIds, VectorIndex, VectorStore

CANDIDATES = 50
"""Passages retrieved by each of the two methods, vectors and keywords."""
_DEPTH_FACTOR = 4
"""Factor by which the number of candidates grows if they belong to too few stories."""


@dataclass(frozen=True)
class Sentence:
    """A sentence of a found passage; `score` is the cosine of sentence (in its context) and question.

    `vector` is the sentence's own (in its context), of the embedder's dimension and unit length.
    """

    span: Span
    text: str
    score: float
    vector: Vectors = field(compare=False, repr=False)


@dataclass(frozen=True)
class Hit:
    """A found passage with its article; `score` is the cosine of passage and question.

    `others` are the other articles of the same story, if the search was made with `one_per_story`.
    """

    passage: Passage
    article: Article
    score: float
    sentences: tuple[Sentence, ...]
    others: tuple[Article, ...] = ()


class Retriever:
    """Searches one index folder, and detects changes by other processes."""

    def __init__(self, folder: Path, embedder: Embedder, vectors: VectorStore = FAISS) -> None:
        self._embedder = embedder
        self._store = vectors
        # Searches run in order of arrival. Concurrent ones would only wait for the interpreter lock, in no order.
        self._search_lock = FairLock()
        self.embedder_name = embedder.name
        self.catalog = Catalog.open(folder)
        self.catalog.require(embedder.fingerprint)
        self._publications = PublicationReader(self.catalog)
        self._generation = -1
        self._vectors: VectorIndex | None = None

    def prepare(self) -> None:
        """Load the embedder and the publications, so that the first question does not wait for them."""
        self._embedder.embed_queries([self.embedder_name])
        self.publications()

    def publications(self) -> Publications:
        """Return all articles and copies with their authors, sources and dates."""
        return self._publications.current()

    def search(
        self,
        question: str,
        k: int = 10,
        only: Filter | None = None,
        one_per_story: bool = False,
        literally: bool = True,
    ) -> list[Hit]:
        """Return the `k` best passages for the question, best first.

        Phrases in quotes must occur in a passage. If no passage has them, they are treated as ordinary words, as a
        question may quote a title in another language than the articles'; with `literally`, nothing is found instead.
        `only` filters the passages. With `one_per_story`, only the best passage of a story is returned, with the
        story's other articles.
        """
        query = parse_query(question)
        vector = self._embedder.embed_queries([query.text])[0]
        with self._search_lock.mine(), self.catalog.snapshot():
            depth = max(k, CANDIDATES)
            ranked = self._rank(query, vector, depth, only)
            if not ranked and query.phrases and not literally:
                query = Query(query.text)
                ranked = self._rank(query, vector, depth, only)
            if not one_per_story:
                return self._hits(ranked[:k], vector)
            hits = self._one_per_story(ranked, vector, k)
            # A story with many articles may take up all candidates.
            while len(hits) < k and len(ranked) == depth:
                depth *= _DEPTH_FACTOR
                ranked = self._rank(query, vector, depth, only)
                hits = self._one_per_story(ranked, vector, k)
            return hits

    def likeness(self, one: str, other: str) -> float:
        """Return the cosine similarity of two phrases, which may be in different languages."""
        first, second = self._embedder.embed_queries([one, other])
        return float(first @ second)

    def _rank(self, query: Query, vector: Vectors, depth: int, only: Filter | None) -> ScoredIds:
        """Return (passage number, cosine), in the fused order of vector and keyword search."""
        allowed = allowed_passages(self.catalog, only) if only else None
        if query.phrases:
            allowed = phrase_search(self.catalog.rows, query.phrases, allowed)
        dense = self._current().nearest(vector, depth, self.catalog, allowed)
        lexical = keyword_search(self.catalog.rows, query.text, depth, allowed)
        cosines = dict(dense)
        without_cosine = [number for number, _ in lexical if number not in cosines]
        if without_cosine:
            cosines |= zip(without_cosine, (self.catalog.vectors(without_cosine) @ vector).tolist(), strict=True)
        return [(number, cosines[number]) for number, _ in fuse(list(cosines.items()), lexical, depth)]

    def _hits(self, ranked: ScoredIds, query: Vectors) -> list[Hit]:
        passages = self.catalog.passages([number for number, _ in ranked])
        scores = dict(ranked)
        return [_hit(stored, scores[stored.passage.number], query) for stored in passages]

    def _one_per_story(self, ranked: ScoredIds, query: Vectors, k: int) -> list[Hit]:
        """Return the best hit of each story, with the story's other articles."""
        stories = self.catalog.stories_of([number for number, _ in ranked])
        best: dict[int, tuple[int, float]] = {}
        for number, cosine in ranked:
            best.setdefault(stories[number], (number, cosine))
        hits = self._hits(list(best.values())[:k], query)
        return [replace(hit, others=tuple(self.catalog.same_story(hit.article.id))) for hit in hits]

    def _current(self) -> VectorIndex:
        generation = self.catalog.generation
        if self._vectors is None or generation != self._generation:
            self._vectors = self._vectors.refreshed(self.catalog) if self._vectors else self._store.open(self.catalog)
            self._generation = generation
        return self._vectors


def _hit(stored: StoredPassage, score: float, query: Vectors) -> Hit:
    scores = stored.sentence_vectors @ query
    text = stored.article.text
    sentences = (
        Sentence(span, text[span.start : span.end], float(cosine), vector)
        for span, cosine, vector in zip(stored.sentences, scores, stored.sentence_vectors, strict=True)
    )
    return Hit(stored.passage, stored.article, score, tuple(sentences))
