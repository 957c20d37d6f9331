"""Protocols of the server's dependencies: assistants, search, articles, models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from index.article_list import ArticleQuery, ArticleSummary
from index.articles import Article, Language
from index.embeddings import Vectors
from index.errors import JawabError
from index.retrieval.filters import Filter
from index.retriever import Hit
from qa.answer import Event
from qa.query.followup import HistoryTurn


class AnswerStream(Protocol):
    """Protocol of an assistant. Closing the iterator stops the work; call and iteration may raise `JawabError`."""

    def stream(
        self,
        question: str,
        question_id: str | None = None,
        history: Sequence[HistoryTurn] = (),
        only: Filter | None = None,
    ) -> Iterator[Event]:
        """Yield the events of one answer: passages, tokens, the finished record. `history` has the earlier turns;
        `only` restricts the passages that the answer may come from."""


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

    def same_story(self, article_id: str) -> list[Article]:
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
