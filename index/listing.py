"""What is in an index, for a list: articles, the other places their texts came from, and which tell one story."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from index.articles import Article, Copy
from index.storage.catalog import Catalog


@dataclass(frozen=True)
class CollectionListing:
    """`articles` in the order of their ids; `stories` hold each of them once, those that tell one story together."""

    articles: tuple[Article, ...]
    copies: Mapping[str, tuple[Copy, ...]]
    stories: tuple[tuple[Article, ...], ...]

    def to_json(self) -> list[dict[str, Any]]:
        """An article without its text, but with its copies and the ids of the others of its story."""
        told_with = {
            article.id: [other.id for other in story if other is not article]
            for story in self.stories
            for article in story
        }
        rows = []
        for article in self.articles:
            row = dataclasses.asdict(article)
            del row["text"], row["ignored"]
            row["copies"] = [dataclasses.asdict(copy) for copy in self.copies.get(article.id, ())]
            row["same_story"] = told_with[article.id]
            rows.append(row)
        return rows


def list_articles(catalog: Catalog) -> CollectionListing:
    """The whole collection; stories come where the first of their articles would."""
    with catalog.snapshot():
        articles = {article.id: article for article in catalog.articles()}
        story_of = {article_id: story for story in catalog.stories() for article_id in story}
        stories = dict.fromkeys(story_of.get(article_id, (article_id,)) for article_id in articles)
        return CollectionListing(
            tuple(articles.values()), catalog.copies(), tuple(tuple(articles[i] for i in story) for story in stories)
        )
