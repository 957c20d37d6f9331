"""HTML of the article view: heading and stored text, with the quotation and the answer phrase highlighted.

Articles are untrusted text: every piece passes through `escape`, and highlights are placed by offsets.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.article_list import publisher_of
from index.articles import Article, Language, Span
from ui.dates_and_plurals import format_date
from ui.escaping import escape, in_language
from ui.highlighting import find_answer_span
from ui.i18n import translate

_PARAGRAPH = re.compile(r"\n\s*")


@dataclass(frozen=True)
class Marks:
    """Highlights in an article: the quotation, and the answer phrase inside it if it occurs there."""

    quotation: Span
    phrase: Span | None = None


def marks_of(article: Article, start: int, end: int, phrase: str | None) -> Marks | None:
    """Return the highlights of a quotation; `None` if its offsets are not (or no longer) in the article."""
    if not 0 <= start < end <= len(article.text):
        return None
    found = find_answer_span(article.text[start:end], phrase)
    return Marks(Span(start, end), Span(start + found.start, start + found.end) if found else None)


def pane_html(language: Language) -> str:
    """Return the empty pane in which an article is displayed."""
    close = escape(translate("page.article.close", language))
    return (
        f'<aside id="reading" aria-label="{escape(translate("page.article.pane", language))}" hidden>'
        f'<button type="button" class="close" aria-label="{close}" title="{close}"></button>'
        '<div class="pane"></div></aside>'
    )


def article_html(article: Article, others: Sequence[Article], marks: Marks | None, language: Language) -> str:
    """Return the article for the article pane; headings in `language`, the text in its own.

    `others` are the articles that tell the same story.
    """
    own = in_language(article.language)
    return (
        f'<article class="article" data-article="{escape(article.id)}">'
        f'<header><h2 {own} tabindex="-1">{escape(article.title)}</h2>{_origin(article, language)}</header>'
        f'<div class="text" {own}>{"".join(_paragraphs(article, marks))}</div>'
        f"{_same_story(others, language)}</article>"
    )


def _origin(article: Article, language: Language) -> str:
    said = _where(article, language, article.author, translate(f"page.languages.{article.language}", language))
    return f'<p class="origin" {in_language(language)}>{said}</p>'


def _paragraphs(article: Article, marks: Marks | None) -> Iterator[str]:
    """Yield the paragraphs; several consecutive ones of boilerplate are collapsed into one `<details>`."""
    spans = list(_split(article.text))
    for foreign, run in itertools.groupby(spans, key=lambda span: _is_foreign(span, article)):
        html = [f"<p>{''.join(_pieces(article, span, marks))}</p>" for span in run]
        if foreign and len(html) > 1:
            label = escape(translate("page.article.not_its_own", article.language))
            yield f'<details class="foreign"><summary>{label}</summary>{"".join(html)}</details>'
        else:
            yield from html


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


def _pieces(article: Article, paragraph: Span, marks: Marks | None) -> Iterator[str]:
    """Split a paragraph into pieces with uniform highlighting."""
    spans = [*article.ignored, *((marks.quotation, marks.phrase) if marks else ())]
    edges = {edge for span in spans if span for edge in (span.start, span.end)}
    cuts = sorted({paragraph.start, paragraph.end, *(e for e in edges if paragraph.start < e < paragraph.end)})
    for start, end in itertools.pairwise(cuts):
        yield _piece(escape(article.text[start:end]), Span(start, end), article, marks)


def _piece(text: str, span: Span, article: Article, marks: Marks | None) -> str:
    if marks and marks.phrase and marks.phrase.overlaps(span):
        return f'<mark class="quoted exact">{text}</mark>'
    if marks and marks.quotation.overlaps(span):
        return f'<mark class="quoted">{text}</mark>'
    if any(ignored.overlaps(span) for ignored in article.ignored):
        return f'<span class="ignored">{text}</span>'
    return text


def _same_story(others: Sequence[Article], language: Language) -> str:
    if not others:
        return ""
    label = escape(translate("page.article.same_story", language))
    rows = "".join(f"<li>{_link(other)} <span class='origin'>{_where(other, language)}</span></li>" for other in others)
    return f'<section class="same-story" {in_language(language)}><h3>{label}</h3><ul>{rows}</ul></section>'


def _link(article: Article) -> str:
    own = in_language(article.language)
    return f'<a href="#" class="open" data-article="{escape(article.id)}" {own}>{escape(article.title)}</a>'


def _where(article: Article, language: Language, author: str | None = None, also: str | None = None) -> str:
    date = format_date(article.date, language) if article.date else None
    parts = (date, author, publisher_of(article.source), also)
    return " · ".join(f"<bdi>{escape(part)}</bdi>" for part in parts if part)
