"""Services that the routes share: collections, stored conversations, models, upload jobs, the queue of questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from index.topics.topic_map import TopicMap
from ui.collections.repository import CollectionInfo
from ui.collections.soft_delete import PendingDeletions
from ui.config import RetentionSettings
from ui.conversations.repository import ConversationRepository
from ui.jobs.job_queue import JobQueue
from ui.protocols import AnswerStream, ArticleBrowsers, Articles, Models, Overview, Search
from ui.queue.answer_cache import AnswerCache
from ui.queue.fair_queue import FairQueue


@dataclass(frozen=True)
class Collection:
    """A collection and its services. `overview` returns its current summary, `map` its topic map, or `None` while that
    is computed; `answers` is the cache of its answers, if there is one; `close_index` closes its index."""

    id: str
    assistant: AnswerStream
    search: Search
    articles: Articles
    article_browser: ArticleBrowsers
    pending_deletions: PendingDeletions
    overview: Callable[[], Overview]
    map: Callable[[], TopicMap | None]
    answers: AnswerCache | None = None
    close_index: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Carry out the pending deletions and close the index."""
        self.pending_deletions.close()
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


@dataclass(frozen=True)
class Services:
    """Services of one server."""

    collections: Collections
    conversations: ConversationRepository
    models: Models
    jobs: JobQueue
    queue: FairQueue = field(default_factory=FairQueue)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
