"""Files to drafts: formats, encodings, boilerplate, dates."""

from __future__ import annotations

import codecs
import json

import pytest

from index.boilerplate import ignored_lines
from index.dates import dateline
from index.formats import readers
from index.formats.draft import Draft, Refused
from index.formats.encoding import NotText, decode
from index.language import foreign_language_of, language_of

ARABIC = "أعلن الوزير يوم الأربعاء أن المشروع سيبدأ في الصيف المقبل، وأن كلفته ٢٥ مليون دينار."


def drafts(suffix: str, content: str | bytes) -> list[Draft | Refused]:
    return list(readers()[suffix](content.encode() if isinstance(content, str) else content))


def draft(suffix: str, content: str | bytes) -> Draft:
    found = drafts(suffix, content)
    assert len(found) == 1
    assert isinstance(found[0], Draft)
    return found[0]


def test_every_format_of_this_version_is_there() -> None:
    assert {".txt", ".md", ".html", ".htm", ".jsonl"} <= readers().keys()


@pytest.mark.parametrize(
    "data",
    [
        ARABIC.encode("utf-8"),
        codecs.BOM_UTF8 + ARABIC.encode("utf-8"),
        ARABIC.encode("utf-16"),
        codecs.BOM_UTF16_BE + ARABIC.encode("utf-16-be"),
        ("Hello " + ARABIC).encode("utf-16-le").removeprefix("Hello ".encode("utf-16-le")),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16", "utf-16-be with mark", "utf-16-le without mark"],
)
def test_encodings(data: bytes) -> None:
    assert decode(data) == ARABIC


def test_windows_1256_is_recognised() -> None:
    text = ARABIC.replace("٢٥", "25")
    assert decode((text * 3).encode("cp1256")) == text * 3


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0" + bytes(range(256)), b"PK\x03\x04\0\0\x08\0" * 40]
)
def test_what_is_not_text_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(NotText):
        decode(data)


def test_text_is_kept_to_the_letter() -> None:
    text = "عنوان\r\n\r\nنـصّ\u200f مع ﻻ\n"
    assert draft(".txt", text).text == text


def test_front_matter_becomes_metadata_and_stays_in_the_text_as_an_ignored_span() -> None:
    text = "---\ntitle: عنوان\ndate: 2021-04-08\nsource: الضفاف\nlang: ar\n---\n\nالنص هنا."
    found = draft(".md", text)
    assert (found.title, found.date, found.source, found.language) == ("عنوان", "2021-04-08", "الضفاف", "ar")
    assert found.text == text
    (ignored,) = found.ignored
    assert text[ignored.end :].strip() == "النص هنا."


@pytest.mark.parametrize("text", ["---\n: [unclosed\n---\nbody", "---\njust a rule\n---\nbody", "# Title\n\nbody"])
def test_front_matter_that_is_none_is_text(text: str) -> None:
    assert draft(".md", text) == Draft(text=text)


def test_a_page_gives_its_article_and_not_its_menus() -> None:
    page = f"""<html><head><title>Site | News</title><meta property="og:title" content="Headline">
    <meta property="article:published_time" content="2021-05-03T10:00:00Z">
    <script>alert("no")</script></head><body><nav><a href="/">Home</a> <a href="/s">Sport</a></nav>
    <article><h1>Headline</h1><p>{"The plant opened on Monday after six years of work. " * 5}</p>
    <p>{"It gives water to 40,000 people in the city and its villages. " * 5}</p></article>
    <footer>Share on Facebook. Updated 2024-01-01</footer></body></html>"""
    found = draft(".html", page)
    assert "The plant opened on Monday" in found.text
    assert "40,000 people" in found.text
    assert not any(word in found.text for word in ("alert", "Facebook", "Sport"))
    assert (found.title, found.date) == ("Headline", "2021-05-03")


def test_a_page_without_an_article_is_refused() -> None:
    assert drafts(".html", "<html><body></body></html>") == [Refused("no_article")]


def test_a_broken_line_is_named_by_its_number_and_the_rest_goes_in() -> None:
    lines = [
        json.dumps({"id": "one", "text": "A\u2028B", "title": "T", "date": "2020-01-02", "url": "u", "lang": "en"}),
        "{broken",
        "",
        json.dumps({"title": "no text"}),
        json.dumps(["a", "list"]),
        json.dumps({"text": "  "}),
        json.dumps({"text": "last", "date": "sometime", "title": 7, "id": 12}),
    ]
    found = drafts(".jsonl", "\n".join(lines))
    assert found == [
        Draft(text="A\u2028B", key="one", id="one", title="T", date="2020-01-02", source="u", language="en"),
        Refused("broken_json", 2),
        Refused("no_text_field", 4),
        Refused("no_text_field", 5),
        Refused("empty", 6),
        Draft(text="last", key="12", id="12"),
    ]


def test_boilerplate_is_whole_lines_that_are_not_the_articles_own() -> None:
    text = (
        "الخميس 25 أبريل / أبريل 2024\nعنوان القصة\nعنوان القصة\nقال الوزير إن القصة انتهت.\n"
        "شارك القصة\nClose\naXA6IDMuMTUuMjAzLjI0NiA= جزيرة ام اند امز\nوشارك القصة مع أصدقائه.\n"
    )
    ignored = [text[span.start : span.end] for span in ignored_lines(text)]
    assert ignored == [
        "الخميس 25 أبريل / أبريل 2024",
        "عنوان القصة",
        "شارك القصة",
        "Close",
        "aXA6IDMuMTUuMjAzLjI0NiA= جزيرة ام اند امز",
    ]


@pytest.mark.parametrize(
    ("line", "date"),
    [
        ("بغداد-العراق-24-7-2021", "2021-07-24"),
        ("Basra, 3 May 2021", "2021-05-03"),
        ("البصرة، ١١ حزيران ٢٠٢٠", "2020-06-11"),
        ("القاهرة - 11 يونيو 2020", "2020-06-11"),
        ("دمشق 4 كانون الثاني 2019", "2019-01-04"),
        ("الخميس 25 أبريل / أبريل 2024", None),
        ("Thursday 25 April 2024", None),
        ("Updated version 1.2.2020 of the file that everybody reads, more or less, in the end", None),
        ("القاهرة 45-13-2020", None),
    ],
)
def test_the_date_of_a_dateline(line: str, date: str | None) -> None:
    assert dateline(f"A headline\n{line}\nThe text of the article.") == date


@pytest.mark.parametrize(
    ("text", "language"), [("كيربي John", "ar"), ("The word سلام means peace", "en"), ("2500", "en")]
)
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("Combien de soldats américains restent en Irak ?", "fr"),
        ("چند سرباز آمریکایی در عراق باقی مانده‌اند؟", "fa"),
        ("How many US troops remain in Iraq?", None),
        ("كم عدد القوات الأمريكية المتبقية في العراق؟", None),
        ("Kadhimi visit Washington", None),
    ],
)
def test_a_question_in_another_language_is_told(question: str, code: str | None) -> None:
    assert foreign_language_of(question) == code
