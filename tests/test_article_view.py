"""An article beside the chat: what is highlighted in it, and that its fields are escaped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from index.articles import Article, Span
from tests.fake_site import ARTICLES
from tests.test_render import ATTRIBUTES, HOSTILE, SHOWN, Reader, words_of
from ui.highlighting import find_answer_span
from ui.web.article_view.article import article_html, marks_of

TEXT = "Share this.\n\nThe tram opened in May.\nIt has 24 stations, said the mayor.\n\n\nThe end."
ARTICLE = Article("a", "Tram", TEXT, "en", "2021-05-01", "https://www.news.example/a", "Sara", ignored=(Span(0, 11),))


def pieces(html: str, kind: str) -> list[str]:
    """The texts of the elements of one class."""
    reader = Reader(html)
    inside = html.split(f'class="{kind}"')[1:]
    found = [part.split(">", 1)[1].split("<", 1)[0] for part in inside]
    assert not reader.open
    return found


def test_quotation_and_answer_span_are_highlighted() -> None:
    start = TEXT.index("It has")
    marks = marks_of(ARTICLE, start, start + len("It has 24 stations, said the mayor."), "24 stations")
    html = article_html(ARTICLE, [], marks, "en")
    assert pieces(html, "quoted") == ["It has ", ", said the mayor."]
    assert pieces(html, "quoted exact") == ["24 stations"]
    assert pieces(html, "ignored") == ["Share this."]
    assert "".join(piece for piece, _ in Reader(html).pieces).count("The end.") == 1
    assert html.count("<p>") == 4


def test_title_quotation_is_highlighted_in_title() -> None:
    marks = marks_of(ARTICLES[1], 0, len("Washington and Baghdad discuss"), "Baghdad", "title")
    html = article_html(ARTICLES[1], [], marks, "en")
    assert pieces(html, "quoted") == ["Washington and ", " discuss"]
    assert pieces(html, "quoted exact") == ["Baghdad"]
    assert "<mark" not in html.split("</h2>")[1]
    assert Reader(html).text.startswith(ARTICLES[1].title)
    assert marks_of(ARTICLE, 0, len(ARTICLE.title) + 1, None, "title") is None


def test_boilerplate_paragraphs_are_collapsed_together() -> None:
    text = "---\ntitle: Tram\n---\nThe tram opened.\n\nShare this."
    article = replace(
        ARTICLE, text=text, ignored=(Span(0, text.index("The tram") - 1), Span(len(text) - 11, len(text)))
    )
    html = article_html(article, [], None, "en")
    folded = html.split("<details")[1].split("</details>")[0]
    assert "title: Tram" in folded and "The tram opened" not in folded
    assert html.count("<details") == 1 and html.count("<p>") == 5


def test_quotation_across_paragraphs_is_highlighted_in_both() -> None:
    start = TEXT.index("opened")
    html = article_html(ARTICLE, [], marks_of(ARTICLE, start, TEXT.index(" stations"), None), "en")
    assert pieces(html, "quoted") == ["opened in May.", "It has 24"]


@pytest.mark.parametrize(("start", "end"), [(-1, -1), (5, 5), (0, 10_000), (9, 3)])
def test_invalid_span_highlights_nothing(start: int, end: int) -> None:
    assert marks_of(ARTICLE, start, end, "24") is None
    assert "<mark" not in article_html(ARTICLE, [], None, "en")


@pytest.mark.parametrize(
    ("quote", "phrase", "found"),
    [
        ("خفّضت الإدارةِ الأمريكية قواتها", "الاداره الامريكيه", "الإدارةِ الأمريكية"),
        ("ﻻ ﺷﻚ أن ٢٥٠٠ جندي", "2500 جندي", "٢٥٠٠ جندي"),
        ("About  2,500\nsoldiers", "2,500 soldiers", "2,500\nsoldiers"),
        ("ما يعادل 2500 جندي", "2,500", "2500"),
        ("About 12,500 of 2,500,000", "2500", None),
        ("About 2,500 soldiers", "nothing of it", None),
        ("About 2,500 soldiers", "", None),
        ("About 2,500 soldiers", None, None),
    ],
)
def test_answer_span_matches_spelling_variants(quote: str, phrase: str | None, found: str | None) -> None:
    span = find_answer_span(quote, phrase)
    assert (quote[span.start : span.end] if span else None) == found


def test_heading_uses_page_locale_and_text_its_own() -> None:
    html = article_html(ARTICLE, [ARTICLES[0]], None, "ar")
    reader = Reader(html)
    assert reader.direction_of("The tram opened") == "ltr"
    assert reader.direction_of("news.example") == "rtl"
    assert "1 أيار/مايو 2021" in reader.text and "https:" not in reader.text
    assert reader.direction_of("مباحثات بين واشنطن") == "rtl" and "الخبر نفسه" in reader.text


@pytest.mark.parametrize("payload", HOSTILE)
def test_article_fields_are_escaped(payload: str) -> None:
    hostile = Article(
        payload, payload, f"{payload}\n\nthe text {payload}", "en", payload, payload, payload, (Span(0, 3),)
    )
    for marks in (marks_of(hostile, 2, len(payload) + 6, payload), marks_of(hostile, 0, 2, payload, "title")):
        reader = Reader(article_html(hostile, [replace(hostile, id=f"{payload}2")], marks, "en"))
        assert not reader.open
        assert {tag for tag, _ in reader.tags} <= SHOWN | {"article", "header", "ul"}
        assert {name for _, attributes in reader.tags for name in attributes} <= ATTRIBUTES
        assert words_of(payload) in words_of(reader.text)
