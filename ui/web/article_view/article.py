"""HTML of the article view: heading and stored text, with the quotation and the answer phrase highlighted.

Articles are untrusted text: the templates escape every piece, and highlights are placed by offsets.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.article_list import publisher_of
from index.articles import Article, Field, Language, Span
from ui.dates_and_plurals import format_date
from ui.highlighting import find_answer_span
from ui.i18n import translate
from ui.templating import render

_PARAGRAPH = re.compile(r"\n\s*")
_Piece = tuple[str, str | None]
"""Text of a paragraph, and the CSS class of its highlight."""


@dataclass(frozen=True)
class Marks:
    """Highlights in a field of an article: the quotation, and the answer phrase inside it if it occurs there."""

    quotation: Span
    phrase: Span | None = None
    field: Field = "text"


def marks_of(article: Article, start: int, end: int, phrase: str | None, field: Field = "text") -> Marks | None:
    """Return the highlights of a quotation; `None` if its offsets are not (or no longer) in the article's field."""
    text = article.field(field)
    if not 0 <= start < end <= len(text):
        return None
    found = find_answer_span(text[start:end], phrase)
    return Marks(Span(start, end), Span(start + found.start, start + found.end) if found else None, field)


def pane_html(language: Language) -> str:
    """Render the empty pane in which an article is displayed."""
    return render("article/pane.html", language)


def article_html(article: Article, others: Sequence[Article], marks: Marks | None, language: Language) -> str:
    """Render the article for the article pane; headings in `language`, the text in its own.

    `others` are the articles that tell the same story.
    """
    return render(
        "article/article.html", language,
        article=article, blocks=list(_blocks(article, marks if marks and marks.field == "text" else None)),
        title=_pieces(article.title, Span(0, len(article.title)), marks if marks and marks.field == "title" else None),
        origin=_where(article, language, article.author, translate(f"page.languages.{article.language}", language)),
        not_its_own=translate("page.article.not_its_own", article.language),
        same_story=[(other, _where(other, language)) for other in others],
    )  # fmt: skip


def _blocks(article: Article, marks: Marks | None) -> Iterator[tuple[list[list[_Piece]], bool]]:
    """Yield consecutive paragraphs, and whether to collapse them: several of boilerplate go into one `<details>`."""
    for foreign, run in itertools.groupby(_split(article.text), key=lambda span: _is_foreign(span, article)):
        paragraphs = [_pieces(article.text, span, marks, article.ignored) for span in run]
        yield paragraphs, foreign and len(paragraphs) > 1


def _split(text: str) -> Iterator[Span]:
    start = 0
    for gap in [*_PARAGRAPH.finditer(text), None]:
        end = gap.start() if gap else len(text)
        if text[start:end].strip():
            yield Span(start, end)
        start = gap.end() if gap else end


def _is_foreign(paragraph: Span, article: Article) -> bool:
    """Return whether all of a paragraph is ignored as boilerplate."""
    covered = sum(
        max(0, min(ignored.end, paragraph.end) - max(ignored.start, paragraph.start)) for ignored in article.ignored
    )
    return covered >= len(article.text[paragraph.start : paragraph.end].rstrip())


def _pieces(text: str, paragraph: Span, marks: Marks | None, ignored: Sequence[Span] = ()) -> list[_Piece]:
    """Split a paragraph of `text` into pieces with uniform highlighting."""
    spans = [*ignored, *((marks.quotation, marks.phrase) if marks else ())]
    edges = {edge for span in spans if span for edge in (span.start, span.end)}
    cuts = sorted({paragraph.start, paragraph.end, *(e for e in edges if paragraph.start < e < paragraph.end)})
    parts = itertools.starmap(Span, itertools.pairwise(cuts))
    return [(text[one.start : one.end], _highlight(one, marks, ignored)) for one in parts]


def _highlight(span: Span, marks: Marks | None, ignored: Sequence[Span]) -> str | None:
    if marks and marks.phrase and marks.phrase.overlaps(span):
        return "quoted exact"
    if marks and marks.quotation.overlaps(span):
        return "quoted"
    return "ignored" if any(one.overlaps(span) for one in ignored) else None


def _where(article: Article, language: Language, author: str | None = None, also: str | None = None) -> list[str]:
    date = format_date(article.date, language) if article.date else None
    return [part for part in (date, author, publisher_of(article.source), also) if part]
