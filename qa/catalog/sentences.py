"""Sentences about what the catalogue knows, in the question's language.

Their templates are in `[catalogue]` of `prompts/composed.*.toml`. Titles, authors, sources and the question's topic are
only ever values of a template.
"""

from __future__ import annotations

from collections.abc import Sequence

from index.articles import Language
from qa.catalog.search import Conditions, Selection
from qa.composed_texts import texts
from qa.dates_in_words import format_date, format_day_of_any_year
from qa.postprocess import match_digits
from qa.prompts import on_one_line
from qa.query.catalog_grammar import CatalogQuestion
from qa.query.smalltalk import plural_form, pluralize_articles


class Sentences:
    """Writes the sentences that answer one question."""

    def __init__(self, asked: CatalogQuestion, selection: Selection, language: Language) -> None:
        self._asked = asked
        self._selection = selection
        self._language = language
        self._texts = texts(language)["catalogue"]

    def fill(self, template: str, /, **values: str) -> str:
        """Return a template with its values, in the question's digits."""
        return match_digits(self._asked.question, self._texts[template].format(**values))

    def about_articles(self, template: str, described: int = 2, /, **values: str) -> str:
        """Fill a template that names the conditions; `described` is the number of articles that have them."""
        return self.fill(
            template, conditions=self._conditions(described, mention="{count}" in self._texts[template]), **values
        )

    def count(self, number: int) -> str:
        """Return a number of articles in words or digits."""
        return pluralize_articles(number, self._language)

    def title(self, title: str) -> str:
        """Return a title in quotation marks."""
        return self._texts["quoted"].format(title=on_one_line(title).rstrip("."))

    def titles(self, titles: Sequence[str]) -> str:
        """Return titles in quotation marks, as a list in a sentence."""
        return self.series([self.title(title) for title in dict.fromkeys(titles)])

    def date(self, date: str) -> str:
        """Return a date in words."""
        return format_date(date, self._language)

    def series(self, items: Sequence[str]) -> str:
        """Return items as a list in a sentence."""
        *before, last = items
        return f"{self._texts['comma'].join(before)}{self._texts['and']}{last}" if before else last

    def _conditions(self, count: int, mention: bool) -> str:
        """Return the conditions as a part of a sentence, in the order topic, author, source, language, date."""
        conditions, language = self._selection.conditions, self._language
        parts = [self._topic(count, mention)]
        # Several spellings of a name are told by none of them.
        for name, spellings, asked in (
            ("author", conditions.authors, self._asked.author or self._asked.owner),
            ("source", conditions.publishers, self._asked.source or self._asked.owner),
        ):
            if spellings:
                shown = next(iter(spellings)) if len(spellings) == 1 else asked or self.series(sorted(spellings))
                parts.append(self._texts["by" if name == "author" else "from"].format(**{name: on_one_line(shown)}))
        if conditions.language:
            parts.append(self._texts[f"in_{conditions.language}"])
        parts.append(self._period(conditions, language))
        return "".join(parts)

    def _topic(self, count: int, mention: bool) -> str:
        topic = on_one_line(self._selection.topic)
        if not topic:
            return ""
        if self._asked.scope == "title":
            return self._texts["titled"].format(topic=topic)
        if self._asked.scope == "mention" and mention:
            form = plural_form(count, self._language)
            return self._texts[f"mention_{form if form in ('one', 'two') else 'many'}"].format(topic=topic)
        return self._texts["about"].format(topic=topic)

    def _period(self, conditions: Conditions, language: Language) -> str:
        since, until = conditions.since, conditions.until
        if conditions.month_day:
            return self._texts["dated"].format(date=format_day_of_any_year(conditions.month_day, language))
        if since and since == until:
            return self._texts["dated"].format(date=self.date(since))
        if since and until:
            return self._texts["between"].format(since=self.date(since), until=self.date(until))
        if since:
            return self._texts["since"].format(date=self.date(since))
        return self._texts["until"].format(date=self.date(until)) if until else ""
