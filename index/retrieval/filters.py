"""Search filters: restrict retrieval to passages of some articles."""

from __future__ import annotations

from dataclasses import dataclass

from index.articles import Language
from index.storage.catalog import Catalog


@dataclass(frozen=True)
class Filter:
    """Conditions on passages; those that are `None` or empty are not applied.

    `since` and `until` are YYYY-MM-DD (or the beginning of one: 2021, 2021-04), both inclusive; an article without a
    date is then left out. Of `sources` and `articles` any one must match; `language` is that of the passage.
    """

    since: str | None = None
    until: str | None = None
    sources: tuple[str, ...] = ()
    language: Language | None = None
    articles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is any condition."""
        return any((self.since, self.until, self.sources, self.language, self.articles))


def allowed_passages(catalog: Catalog, filters: Filter) -> set[int]:
    """Return the numbers of the passages that `filters` allows. A copy's date, source and id count as the article's."""
    conditions, values = [], []
    for column, test, value in (
        ("date", ">= ?", filters.since),
        # "2021" and "2021-04" mean all of that year or month.
        ("date", "<= ? || '\uffff'", filters.until),
    ):
        if value:
            conditions.append(f"{column} {test}")
            values.append(value)
    for column, names in (("source", filters.sources), ("id", filters.articles)):
        if names:
            conditions.append(f"{column} IN ({', '.join('?' * len(names))})")
            values += names
    where = " AND ".join(conditions) or "1"
    of_language = ("AND language = ?", (filters.language,)) if filters.language else ("", ())
    rows = catalog.rows(
        f"""SELECT number FROM passages WHERE article IN (
            SELECT number FROM articles WHERE {where} UNION SELECT article FROM copies WHERE {where}
        ) {of_language[0]}""",
        *values, *values, *of_language[1],
    )  # fmt: skip
    return {number for (number,) in rows}
