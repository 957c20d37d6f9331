"""`jawab mcp`: MCP tools over standard input and output, for programs that start Jawab themselves."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from index.articles import Language
from qa.assistant import Assistant
from ui.app import App
from ui.collections.repository import CollectionInfo, CollectionRepository
from ui.mcp.server import tool_server
from ui.protocols import Articles, Search
from ui.queue.answer_cache import AnswerCache
from ui.queue.fair_queue import FairQueue


def run(app: App, language: Language) -> None:
    """Serve until standard input ends."""
    tool_server(_Collections(app), FairQueue(), language).run("stdio")


@dataclass(frozen=True)
class _Collection:
    assistant: Assistant
    search: Search
    articles: Articles
    answers: AnswerCache


class _Collections:
    """The collections of the settings, opened on first use."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._repository = CollectionRepository(app.config.paths.index, app.config.paths.collections)
        self._lock = threading.Lock()
        self._open: dict[str, _Collection] = {}

    def all(self) -> list[CollectionInfo]:
        return self._repository.all()

    def find(self, collection: str) -> _Collection:
        folder = self._repository.index_of(collection)
        with self._lock:
            if collection not in self._open:
                assistant = self._app.components.open_assistant(folder)
                catalog = assistant.retriever.catalog
                answers = AnswerCache(lambda: catalog.generation, self._app.config.cache)
                self._open[collection] = _Collection(assistant, assistant.search, catalog, answers)
            return self._open[collection]
