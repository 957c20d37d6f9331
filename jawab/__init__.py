"""Answers to questions about a collection of articles, each quoted word for word.

    from jawab import Assistant, build_index

    build_index("my-index", ["articles"])
    with Assistant.open("my-index") as assistant:
        print(assistant.ask("How many US troops remain in Iraq?").answer)

These names are the Python API. Each is imported on first use, so that importing one does not load the others. The
packages `index`, `qa` and `ui` are what is behind them, and may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index.articles import Article
    from index.errors import JawabError
    from index.planner import IndexingReport
    from index.retrieval.filters import Filter
    from jawab.assistant import Assistant
    from jawab.indexing import build_index
    from qa.answer import Answer, Citation
    from ui.config import Config
else:
    from importlib import import_module

    _HOMES = {
        "Answer": "qa.answer",
        "Article": "index.articles",
        "Assistant": "jawab.assistant",
        "Citation": "qa.answer",
        "Config": "ui.config",
        "Filter": "index.retrieval.filters",
        "IndexingReport": "index.planner",
        "JawabError": "index.errors",
        "build_index": "jawab.indexing",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "Answer",
    "Article",
    "Assistant",
    "Citation",
    "Config",
    "Filter",
    "IndexingReport",
    "JawabError",
    "build_index",
]
