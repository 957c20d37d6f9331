"""Filters: which articles a search may find passages in."""

from __future__ import annotations

from dataclasses import dataclass

from index.articles import Language
from index.storage.catalog import Catalog


@dataclass(frozen=True)
class Filter:
    """What a passage must be for a search to find it; what is `None` or empty does not matter.

    `since` and `until` are YYYY-MM-DD (or the beginning of one: 2021, 2021-04), both inclusive; an article without a
    date is then left out. `sources` and `articles` name any of which one must fit; `language` is the passage's own.
    """

    since: str | None = None
    until: str | None = None
    sources: tuple[str, ...] = ()
    language: Language | None = None
    articles: tuple[str, ...] = ()


def allowed_passages(catalog: Catalog, only: Filter) -> set[int]:
    """The numbers of the passages that `only` allows. A copy's date, source and id count like the article's own."""
    conditions, values = [], []
    for column, test, value in (
        ("date", ">= ?", only.since),
        # "2021" and "2021-04" mean all of that year or month.
        ("date", "<= ? || '\uffff'", only.until),
    ):
        if value:
            conditions.append(f"{column} {test}")
            values.append(value)
    for column, names in (("source", only.sources), ("id", only.articles)):
        if names:
            conditions.append(f"{column} IN ({', '.join('?' * len(names))})")
            values += names
    where = " AND ".join(conditions) or "1"
    of_language = ("AND language = ?", (only.language,)) if only.language else ("", ())
    rows = catalog.rows(
        f"""SELECT number FROM passages WHERE article IN (
            SELECT number FROM articles WHERE {where} UNION SELECT article FROM copies WHERE {where}
        ) {of_language[0]}""",
        *values, *values, *of_language[1],
    )  # fmt: skip
    return {number for (number,) in rows}
