"""Listing of an index: articles, their copies, and their stories."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from index.articles import Article, Copy
from index.storage.catalog import Catalog


@dataclass(frozen=True)
class CollectionListing:
    """All articles by id; `stories` holds each of them once, grouped by story."""

    articles: tuple[Article, ...]
    copies: Mapping[str, tuple[Copy, ...]]
    stories: tuple[tuple[Article, ...], ...]

    def to_json(self) -> list[dict[str, Any]]:
        """Return each article without its text, but with its copies and the ids of the others of its story."""
        same_story = {
            article.id: [other.id for other in story if other is not article]
            for story in self.stories
            for article in story
        }
        rows = []
        for article in self.articles:
            row = dataclasses.asdict(article)
            del row["text"], row["ignored"]
            row["copies"] = [dataclasses.asdict(copy) for copy in self.copies.get(article.id, ())]
            row["same_story"] = same_story[article.id]
            rows.append(row)
        return rows


def list_articles(catalog: Catalog) -> CollectionListing:
    """List the whole collection; stories are ordered by the first of their articles."""
    with catalog.snapshot():
        articles = {article.id: article for article in catalog.articles()}
        story_of = {article_id: story for story in catalog.stories() for article_id in story}
        stories = dict.fromkeys(story_of.get(article_id, (article_id,)) for article_id in articles)
        return CollectionListing(
            tuple(articles.values()), catalog.copies(), tuple(tuple(articles[i] for i in story) for story in stories)
        )
