"""Overview of a collection for the welcome page, with example questions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from index.article_list import ArticleBrowser, ArticleQuery, ArticleSummary
from index.articles import Language
from index.errors import JawabError
from ui.bundled import samples_folder
from ui.i18n import translate
from ui.protocols import Overview

_OF_EACH = 2
"""Examples in each language."""
_SHORTEST, _LONGEST = 10, 80
"""Bounds, in code points, of a title used in an example question."""


def overview(
    article_browser: ArticleBrowser, llm_problem: JawabError | None = None, sent_to: str | None = None
) -> Overview:
    """Return the number of articles, first and last date, languages, and questions that they answer."""
    articles = article_browser.articles()
    dates = sorted(article.date for article in articles if article.date)
    return Overview(
        articles=len(articles),
        first=dates[0] if dates else None,
        last=dates[-1] if dates else None,
        languages=tuple(sorted({article.language for article in articles})),
        examples=tuple(_of_the_samples({article.id for article in articles})) or tuple(_of_titles(article_browser)),
        llm_problem=llm_problem,
        sent_to=sent_to,
    )


def _of_the_samples(ids: set[str]) -> Iterator[str]:
    """Yield the questions bundled with the sample articles, for those that are in the index."""
    file = samples_folder() / "questions.jsonl"
    if not file.is_file():
        return
    asked = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    for language in ("ar", "en"):
        known = [one for one in asked if one.get("article_id") in ids and one["lang"] == language]
        yield from (one["question"] for one in known[:_OF_EACH])


def _of_titles(article_browser: ArticleBrowser) -> Iterator[str]:
    """Yield questions for any collection: to summarise its newest articles."""
    languages: tuple[Language, ...] = ("ar", "en")
    for language in languages:
        newest = article_browser.browse(ArticleQuery(language=language))
        yield from (translate("page.summarise", language, title=title) for title in _fit(newest)[:_OF_EACH])


def _fit(articles: Sequence[ArticleSummary]) -> list[str]:
    titles = dict.fromkeys(" ".join(article.title.split()) for article in articles)
    return [title for title in titles if _SHORTEST <= len(title) <= _LONGEST]
