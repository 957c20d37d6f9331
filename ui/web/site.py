"""Parts of the server: collections with their assistants and articles, stored conversations, models, jobs, queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from index.article_list import ArticleQuery, ArticleSummary
from index.articles import Article, Language
from index.embeddings import Vectors
from index.errors import JawabError
from index.retrieval.filters import Filter
from index.retriever import Hit
from index.topics.topic_map import TopicMap
from qa.answer import Event
from qa.query.followup import HistoryTurn
from ui.collections import CollectionInfo
from ui.jobs.job_queue import JobQueue
from ui.queue.answer_cache import AnswerCache
from ui.queue.fair_queue import FairQueue
from ui.web.collection.page_upload import UploadManager
from ui.web.collection.soft_delete import PendingDeletions
from ui.web.conversations.repository import ConversationRepository


class AnswerStream(Protocol):
    """Protocol of an assistant. Closing the iterator stops the work; call and iteration may raise `JawabError`."""

    def stream(
        self, question: str, question_id: str | None = None, history: Sequence[HistoryTurn] = ()
    ) -> Iterator[Event]:
        """Yield the events of one answer: passages, tokens, the finished record. `history` has the earlier turns."""


class Search(Protocol):
    """Protocol of `qa.assistant.Assistant.search`: search for passages. May raise `JawabError`."""

    def __call__(
        self, question: str, k: int = 10, only: Filter | None = None, one_per_story: bool = False
    ) -> list[Hit]: ...


class Articles(Protocol):
    """The articles that answers quote."""

    @property
    def state(self) -> str:
        """Version of the articles; differs after every change."""

    def article(self, article_id: str) -> Article:
        """Return one article. Raises `ArticleMissing`."""

    def told_with(self, article_id: str) -> list[Article]:
        """Return the other articles of the same story."""

    def count_articles(self) -> int: ...

    def count_passages(self) -> int: ...


@dataclass(frozen=True)
class Overview:
    """Summary of a collection. Dates are ISO; `examples` are questions it can answer; `llm_problem` is the reason why
    no LLM is used, if none is; `sent_to` is the host of the LLM, if it is on another computer."""

    articles: int
    first: str | None
    last: str | None
    languages: tuple[Language, ...]
    examples: tuple[str, ...]
    llm_problem: JawabError | None = None
    sent_to: str | None = None


class ArticleBrowsers(Protocol):
    """Protocol for listing articles."""

    def browse(self, wanted: ArticleQuery) -> list[ArticleSummary]:
        """Return the articles that match `wanted`, in its order."""

    def publishers(self) -> list[tuple[str, int]]:
        """Return the publishers with their numbers of articles."""


@dataclass(frozen=True)
class Collection:
    """A collection and its services. `overview` returns its current summary, `map` its topic map, or `None` while that
    is computed; `answers` is the cache of its answers, if there is one; `close_index` closes its index."""

    id: str
    assistant: AnswerStream
    search: Search
    articles: Articles
    shelf: ArticleBrowsers
    removals: PendingDeletions
    porter: UploadManager
    overview: Callable[[], Overview]
    map: Callable[[], TopicMap | None]
    answers: AnswerCache | None = None
    close_index: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Carry out the pending deletions and close the index."""
        self.removals.close()
        self.close_index()


class Collections(Protocol):
    """Protocol of the collections; methods given an id raise `CollectionMissing`."""

    def all(self) -> list[CollectionInfo]:
        """Return all collections, the default one first."""

    def opened(self) -> list[Collection]:
        """Return the collections used since the server started; the others are not opened for this."""

    def find(self, collection: str | None) -> Collection:
        """Return a collection; the default one for `None`. May raise any `JawabError` of opening it."""

    def make(self, name: str) -> CollectionInfo:
        """Create an empty collection."""

    def rename(self, collection: str, name: str) -> None:
        """Rename a collection."""

    def remove(self, collection: str) -> None:
        """Remove a collection, never the default one. Raises `IndexLocked` while its index is being written."""

    def restore(self, collection: str) -> None:
        """Restore a recently removed collection. Raises `CollectionExists`."""


class Models(Protocol):
    """Model functions offered by the API."""

    @property
    def embedder(self) -> str:
        """The embedder's name."""

    @property
    def llm_problem(self) -> JawabError | None:
        """The reason why there is no LLM, if there is none."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Embed texts as questions; returns shape (texts, dimension)."""

    def count_tokens(self, text: str) -> int:
        """Count the LLM tokens of a text; without an LLM, those of the reader, else words."""


@dataclass(frozen=True)
class Site:
    """Everything that the server serves, and the queue of its questions."""

    collections: Collections
    conversations: ConversationRepository
    models: Models
    jobs: JobQueue
    line: FairQueue = field(default_factory=FairQueue)
