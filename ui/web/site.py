"""What the page is made of: collections, each with who answers about it and its articles, and kept conversations."""

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
    """Whatever answers questions. Closing the iterator stops the work; both steps may raise `JawabError`."""

    def stream(
        self, question: str, question_id: str | None = None, history: Sequence[HistoryTurn] = ()
    ) -> Iterator[Event]:
        """The events of one answer: passages, tokens, the finished record. `history` is what was asked before."""


class Search(Protocol):
    """Search for passages, as `qa.assistant.Assistant.search` does it. May raise `JawabError`."""

    def __call__(
        self, question: str, k: int = 10, only: Filter | None = None, one_per_story: bool = False
    ) -> list[Hit]: ...


class Articles(Protocol):
    """The articles that answers quote."""

    @property
    def state(self) -> str:
        """Which state they are in; another one after every change."""

    def article(self, article_id: str) -> Article:
        """One article. Raises `ArticleMissing`."""

    def told_with(self, article_id: str) -> list[Article]:
        """The others that tell the same story."""

    def count_articles(self) -> int: ...

    def count_passages(self) -> int: ...


@dataclass(frozen=True)
class Overview:
    """What a visitor is told about the collection. Dates are ISO; `examples` are questions it can answer;
    `llm_problem` is the reason for which no LLM writes sentences, if none does, and `sent_to` the other computer that
    it is on, if it is on one."""

    articles: int
    first: str | None
    last: str | None
    languages: tuple[Language, ...]
    examples: tuple[str, ...]
    llm_problem: JawabError | None = None
    sent_to: str | None = None


class ArticleBrowsers(Protocol):
    """The articles as one looks through them."""

    def browse(self, wanted: ArticleQuery) -> list[ArticleSummary]:
        """Those that are wanted, in the order that is wanted."""

    def publishers(self) -> list[tuple[str, int]]:
        """Who published articles, and how many."""


@dataclass(frozen=True)
class Collection:
    """All that the pages of one collection need. `overview` tells of it as it is now, `map` gives its map, or nothing
    while that is drawn; `answers` are those that were given already, if they are kept; `close_index` lets go of its
    index."""

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
        """Carry out the removals that wait, and close the index."""
        self.removals.close()
        self.close_index()


class Collections(Protocol):
    """The collections that there are; all but `all` raise `CollectionMissing`."""

    def all(self) -> list[CollectionInfo]:
        """The first one first."""

    def opened(self) -> list[Collection]:
        """Those that somebody has used since the server began; the others are not opened for this."""

    def find(self, collection: str | None) -> Collection:
        """One of them; the first, where none is named. May raise any `JawabError` of opening it."""

    def make(self, name: str) -> CollectionInfo:
        """A new one, empty."""

    def rename(self, collection: str, name: str) -> None:
        """Another name for it."""

    def remove(self, collection: str) -> None:
        """Out of the list; never the first. Raises `IndexBusy` while somebody writes to its index."""

    def restore(self, collection: str) -> None:
        """Back, if it was removed a short while ago. Raises `CollectionExists`."""


class Models(Protocol):
    """What the API lets programs use of the models."""

    @property
    def embedder(self) -> str:
        """The embedder's name."""

    @property
    def llm_problem(self) -> JawabError | None:
        """The reason for which there is no LLM, if there is none."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """The texts as questions are embedded, shape (texts, dimension)."""

    def count_tokens(self, text: str) -> int:
        """How many tokens of the LLM a text has; of the embedder, where there is no LLM."""


@dataclass(frozen=True)
class Site:
    """All that the server shows, and the line that the questions to it stand in."""

    collections: Collections
    conversations: ConversationRepository
    models: Models
    jobs: JobQueue
    line: FairQueue = field(default_factory=FairQueue)
