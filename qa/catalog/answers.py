"""Answers from the catalogue: who wrote an article, when, in which paper, how many there are, which, the newest.

The program answers from the articles' metadata, without the reader and the LLM. The quotations are the titles of the
articles that the answer rests on; counts are of all articles, as `jawab articles` counts them: a text that was printed
twice is one article, but each printing has its own author, source and date.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence

from index.articles import Article, Language, Span
from index.errors import ArticleMissing
from index.publications import Publication
from index.retriever import Retriever
from index.text.folding import fold, fold_text
from qa.catalog.search import EXACT, Selection, select_articles
from qa.catalog.sentences import Sentences
from qa.citations import Located
from qa.composed import ComposedAnswer, Statement
from qa.evidence import Evidence
from qa.query.catalog_grammar import CatalogQuestion

MAX_QUOTATIONS = 10
_MAX_MEANT = 4
"""Articles that a question about one article may mean; among more it names none."""
_SEVERAL_ANSWERS = 0.75
"""Factor of the confidence where the articles that may be meant answer differently."""
_UNCERTAIN_KIND = 0.9
"""Factor where the question may be about something that the articles tell."""


def answer_from_catalog(asked: CatalogQuestion, retriever: Retriever, language: Language) -> ComposedAnswer | None:
    """Return the answer to a question about the catalogue; `None` where the catalogue does not know it."""
    selection = select_articles(asked, retriever)
    if selection is None:
        return None
    composer = _Composer(asked, selection, retriever, language)
    composed = _ANSWERS[asked.wanted](composer)
    if composed is None or asked.certain:
        return composed
    return ComposedAnswer(composed.statements, composed.confidence * _UNCERTAIN_KIND, composed.short_answer)


class _Composer:
    """Composes the answer to one question from the selected articles."""

    def __init__(self, asked: CatalogQuestion, selection: Selection, retriever: Retriever, language: Language) -> None:
        self._asked = asked
        self._selection = selection
        self._catalog = retriever.catalog
        self._sentences = Sentences(asked, selection, language)

    def authors_of_article(self) -> ComposedAnswer | None:
        """Answer who wrote the article."""
        return self._of_article("author", lambda publication: publication.author)

    def sources_of_article(self) -> ComposedAnswer | None:
        """Answer where the article was published."""
        return self._of_article("source", lambda publication: publication.publisher)

    def _of_article(self, wanted: str, value_of: Callable[[Publication], str | None]) -> ComposedAnswer | None:
        meant = self._meant()
        if meant is None:
            return None
        by_value: dict[str, list[Publication]] = {}
        for publication in meant:
            if value := value_of(publication):
                by_value.setdefault(value, []).append(publication)
        statements: list[Statement] = []
        for value, publications in list(by_value.items())[:MAX_QUOTATIONS]:
            quoted = self._quoted(publications[: MAX_QUOTATIONS - sum(len(made.quotations) for made in statements)])
            if quoted:
                titles = self._sentences.titles([located.evidence.article.title for located in quoted])
                statements.append(Statement(self._sentences.fill(wanted, **{wanted: value}, titles=titles), quoted))
        short = _in_title(next(iter(by_value)), statements) if len(by_value) == 1 else None
        return self._composed(statements, len({fold_text(value) for value in by_value}), short)

    def dates_of_article(self) -> ComposedAnswer | None:
        """Answer when the article was published."""
        meant = self._meant()
        if meant is None:
            return None
        dated = [publication for publication in meant if publication.date][:MAX_QUOTATIONS]
        statements = [self._dated("date", publication) for publication in dated]
        composed = self._composed(statements, len({publication.date for publication in dated}))
        return composed and _at_most(composed, dated)

    def count(self) -> ComposedAnswer | None:
        """Answer how many articles there are."""
        total = len(self._selection.numbers)
        quoted = self._quoted(self._newest_of(self._selection.numbers))
        statement = self._sentences.about_articles("count", total, count=self._sentences.count(total))
        return self._composed([Statement(statement, quoted), *self._further(len(quoted))], 1)

    def listed(self) -> ComposedAnswer | None:
        """Answer which articles there are: the newest first."""
        total = len(self._selection.numbers)
        quoted = self._quoted(self._newest_of(self._selection.numbers))
        items = [self._item(located.evidence.article) for located in quoted]
        if not items:
            return None
        form = "list" if len(quoted) == total else "list_part"
        count = self._sentences.count(total)
        first = self._sentences.about_articles(form, total, count=count, first=items[0].rstrip("."))
        statements = [Statement(text, (located,)) for text, located in zip([first, *items[1:]], quoted, strict=True)]
        short = quoted[0].text if total == 1 else None
        return self._composed([*statements, *self._further(len(quoted))], 1, short)

    def newest(self) -> ComposedAnswer | None:
        """Answer which article is the newest, or the oldest."""
        first = self._first_by_date(newest=self._asked.wanted == "newest")[:_MAX_MEANT]
        statements = [self._dated(self._asked.wanted, publication) for publication in first]
        short = statements[0].quotations[0].text if len(first) == 1 and statements[0].quotations else None
        composed = self._composed(statements, len(first), short)
        return composed and _at_most(composed, first)

    def authors(self) -> ComposedAnswer | None:
        """Answer which authors there are, or who wrote most."""
        return self._names("author", "authors", lambda publication: publication.author)

    def sources(self) -> ComposedAnswer | None:
        """Answer which sources there are, or which has most articles."""
        return self._names("source", "sources", lambda publication: publication.publisher)

    def _names(self, kind: str, kinds: str, name_of: Callable[[Publication], str | None]) -> ComposedAnswer | None:
        by_name: dict[str, dict[int, Publication]] = {}
        for publication in self._selection.all():
            if name := name_of(publication):
                by_name.setdefault(name, {}).setdefault(publication.number, publication)
        if not by_name:
            return None
        ranked = sorted(by_name, key=lambda name: (-len(by_name[name]), fold_text(name)))
        most = self._asked.pick == "most"
        if most:
            ranked = [name for name in ranked if len(by_name[name]) == len(by_name[ranked[0]])]
        shown = ranked[:MAX_QUOTATIONS]
        quoted = [(name, self._quoted(list(by_name[name].values())[:1])) for name in shown]
        statements: list[Statement] = []
        for name, located in quoted:
            count = self._sentences.count(len(by_name[name]))
            text = self._sentences.fill("name", name=name, count=count)
            if most:
                text = self._sentences.about_articles(f"most_{kind}", name=name, count=count)
            elif not statements:
                form = kinds if len(ranked) == len(shown) else f"{kinds}_part"
                text = self._sentences.about_articles(form, first=text.rstrip("."), total=str(len(ranked)))
            statements.append(Statement(text, located))
        short = _in_title(shown[0], statements) if len(ranked) == 1 else None
        return self._composed(statements, 1, short)

    def _meant(self) -> list[Publication] | None:
        """Return the publications that a question about one article means; `None` where it may be too many."""
        if self._asked.pick:
            return self._first_by_date(newest=self._asked.pick == "newest")
        if len(self._selection.numbers) > _MAX_MEANT:
            return None
        return list(self._selection.all())

    def _first_by_date(self, newest: bool) -> list[Publication]:
        """Return the publications of the newest or the oldest date."""
        dated = [publication for publication in self._selection.all() if publication.date]
        dates = [publication.date or "" for publication in dated]
        if not dates:
            return []
        first = max(dates) if newest else min(dates)
        one_each: dict[int, Publication] = {}
        for publication in dated:
            if publication.date == first:
                one_each.setdefault(publication.number, publication)
        return list(one_each.values())

    def _newest_of(self, numbers: Iterable[int], limit: int = MAX_QUOTATIONS) -> list[Publication]:
        """Return the first publication of each of the newest articles."""
        first = (self._selection.publications[number][0] for number in numbers)
        return heapq.nlargest(limit, first, key=lambda publication: publication.date or "")

    def _further(self, quoted: int) -> list[Statement]:
        """Return the statement about articles that mention the topic further on, if there are any."""
        mentioned = self._selection.mentioned
        located = self._quoted(self._newest_of(mentioned, MAX_QUOTATIONS - quoted))
        text = self._sentences.fill("more", count=self._sentences.count(len(mentioned)))
        return [Statement(text, located)] if located else []

    def _dated(self, form: str, publication: Publication) -> Statement:
        """Return the statement of a publication's date; without quotation where its article is gone."""
        quoted = self._quoted([publication])
        title = self._sentences.title(quoted[0].text if quoted else "")
        date = self._sentences.date(publication.date or "")
        if form == "date":
            return Statement(self._sentences.fill("date", title=title, date=date), quoted)
        return Statement(self._sentences.about_articles(form, title=title, date=date), quoted)

    def _item(self, article: Article) -> str:
        title = self._sentences.title(article.title)
        if not article.date:
            return title
        return self._sentences.fill("item", title=title, date=self._sentences.date(article.date))

    def _quoted(self, publications: Iterable[Publication]) -> tuple[Located, ...]:
        """Return the titles of publications as quotations; those that were removed meanwhile are left out."""
        return tuple(
            _title_of(article) for publication in publications if (article := self._article(publication.id)) is not None
        )

    def _article(self, article_id: str) -> Article | None:
        try:
            return self._catalog.article(article_id)
        except ArticleMissing:
            return None

    def _composed(
        self, statements: Sequence[Statement], different: int, short: str | None = None
    ) -> ComposedAnswer | None:
        """Return the answer of those statements that have a quotation; `different` is the number of answers in them."""
        borne_out = tuple(statement for statement in statements if statement.quotations)
        if not borne_out:
            return None
        confidence = self._selection.confidence * (_SEVERAL_ANSWERS if different > 1 else 1.0)
        return ComposedAnswer(borne_out, min(confidence, EXACT), short)


def _title_of(article: Article) -> Located:
    """Return the title of an article as a quotation."""
    span = Span(0, len(article.title))
    return Located(Evidence(article, span, article.title, 1.0, 1.0, field="title"), span)


def _in_title(name: str, statements: Sequence[Statement]) -> str | None:
    """Return a name as it stands in one of the titles quoted, or `None`."""
    wanted = fold_text(name)
    for statement in statements:
        for located in statement.quotations:
            folded = fold(located.text)
            start = folded.text.find(wanted)
            if start >= 0:
                span = folded.to_original(start, start + len(wanted))
                return located.text[span.start : span.end]
    return None


def _at_most(composed: ComposedAnswer, dated: Sequence[Publication]) -> ComposedAnswer:
    """Return an answer about dates that is no surer than the dates themselves."""
    certainty = min(publication.date_certainty for publication in dated)
    return ComposedAnswer(composed.statements, min(composed.confidence, certainty), composed.short_answer)


_ANSWERS: dict[str, Callable[[_Composer], ComposedAnswer | None]] = {
    "author": _Composer.authors_of_article,
    "source": _Composer.sources_of_article,
    "date": _Composer.dates_of_article,
    "count": _Composer.count,
    "list": _Composer.listed,
    "newest": _Composer.newest,
    "oldest": _Composer.newest,
    "authors": _Composer.authors,
    "sources": _Composer.sources,
}
