"""Exported conversations: they are complete, each text has its own direction, and untrusted content is escaped."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from docx import Document
from docx.oxml.ns import qn
from fastapi.testclient import TestClient
from markdown_it import MarkdownIt

from tests.fake_site import ARABIC_QUESTION, ARTICLES, ENGLISH_QUESTION, TITLE_QUESTION, canned, cited, record, site
from tests.test_render import HOSTILE, Reader, words_of
from ui.conversations.export.docx import word
from ui.conversations.export.html import printable
from ui.conversations.export.markdown import markdown
from ui.conversations.repository import StoredTurn, visitor_of
from ui.http.visitor_cookie import COOKIE
from ui.server.app import create_app

TURNS = [
    StoredTurn(1, ARABIC_QUESTION, canned(ARABIC_QUESTION)),
    StoredTurn(2, ENGLISH_QUESTION, canned(ENGLISH_QUESTION)),
    StoredTurn(3, "And then?", None),
]


def hostile(payload: str) -> list[StoredTurn]:
    quote = cited(1, "en", f"quoted {payload}\n{payload}", f"title {payload}", source=payload, date=payload)
    answer = record(payload, f"says {payload} [1].", citations=(quote,), short_answer=payload)
    return [StoredTurn(1, payload, answer)]


class TestMarkdown:
    def test_includes_every_question_answer_and_quotation(self) -> None:
        html = MarkdownIt().render(markdown("Troops", TURNS))
        reader = Reader(html)
        for turn in TURNS[:2]:
            assert turn.answer is not None
            assert reader.direction_of(turn.question) == ("rtl" if turn.answer.language == "ar" else "ltr")
            assert turn.answer.answer in reader.text
            for citation in turn.answer.citations:
                assert citation.quote in reader.text
                assert reader.direction_of(citation.quote) == ("rtl" if citation.language == "ar" else "ltr")
        assert html.count("<blockquote>") == 4 and html.count("<h2>") == 3
        assert "24 تموز/يوليو 2021" in reader.text and "Stopped here." in reader.text

    def test_title_quotation_says_where_it_is_from(self) -> None:
        turns = [StoredTurn(1, TITLE_QUESTION, canned(TITLE_QUESTION))]
        source = f"{ARTICLES[1].title} · from the title · 8 April 2021"
        assert source in Reader(MarkdownIt().render(markdown("Troops", turns))).text
        assert source in Reader(printable("Troops", turns, "en")).text

    @pytest.mark.parametrize(
        "payload", [*HOSTILE, "# h", "- l", "1. l", "> q", "a | b", "***", "<!--", "&lt;b&gt;", "==="]
    )
    def test_untrusted_content_is_escaped(self, payload: str) -> None:
        reader = Reader(MarkdownIt().render(markdown(payload, hostile(payload))))
        assert {tag for tag, _ in reader.tags} <= {"h1", "h2", "div", "p", "blockquote"}
        assert {name for _, attributes in reader.tags for name in attributes} <= {"lang", "dir"}
        assert words_of(payload) in words_of(reader.text)


class TestWord:
    def test_arabic_paragraphs_and_runs_are_right_to_left(self) -> None:
        document = Document(io.BytesIO(word("Troops", TURNS)))
        by_text = {paragraph.text: paragraph for paragraph in document.paragraphs}
        for turn in TURNS[:2]:
            assert turn.answer is not None
            for citation in turn.answer.citations:
                quoted = by_text[citation.quote]
                assert (quoted._p.find(f"{qn('w:pPr')}/{qn('w:bidi')}") is not None) is (citation.language == "ar")
                runs = [run._r.rPr is not None and run._r.rPr.find(qn("w:rtl")) is not None for run in quoted.runs]
                assert set(runs) == {citation.language == "ar"}
        style = by_text[ENGLISH_QUESTION].style
        assert style is not None and style.name == "Heading 1"
        highlighted = [run.text for p in document.paragraphs for run in p.runs if run.font.highlight_color]
        assert highlighted == ["حزيران/يونيو 2020", "2500", "2,500"]

    def test_xml_elements_are_in_schema_order(self) -> None:
        """Word rejects a file whose `w:bidi` precedes `w:pStyle`, or whose `w:rtl` precedes `w:rFonts`."""
        for paragraph in Document(io.BytesIO(word("عنوان", TURNS))).element.body.iter(qn("w:pPr")):
            names = [child.tag for child in paragraph]
            if qn("w:bidi") in names and qn("w:pStyle") in names:
                assert names.index(qn("w:pStyle")) < names.index(qn("w:bidi"))
        for run in Document(io.BytesIO(word("عنوان", TURNS))).element.body.iter(qn("w:rPr")):
            names = [child.tag for child in run]
            order = [qn(name) for name in ("w:rFonts", "w:sz", "w:highlight", "w:rtl") if qn(name) in names]
            assert [name for name in names if name in order] == order

    @pytest.mark.parametrize("payload", HOSTILE)
    def test_untrusted_content_is_escaped(self, payload: str) -> None:
        file = word(payload, hostile(payload))
        assert any(words_of(payload) in words_of(one.text) for one in Document(io.BytesIO(file)).paragraphs)
        relations = zipfile.ZipFile(io.BytesIO(file)).read("word/_rels/document.xml.rels")
        assert b"External" not in relations


class TestPrintable:
    def test_sentence_in_other_language_has_its_own_direction(self) -> None:
        turn = StoredTurn(1, ARABIC_QUESTION, record(ARABIC_QUESTION, "It was finished below its budget [1]."))
        assert Reader(printable("Troops", [turn], "ar")).direction_of("It was finished") == "ltr"

    def test_page_is_self_contained(self) -> None:
        html = printable("Troops", TURNS, "ar")
        reader = Reader(html.replace('<meta charset="utf-8">', "").split("<style>")[0].split("<head>")[0] + "</html>")
        assert reader.tags[0] == ("html", {"lang": "ar", "dir": "rtl"})
        assert "src=" not in html and "href=" not in html and "url(" not in html and "<script" not in html
        assert "<mark>حزيران/يونيو 2020</mark>" in html and html.count("<blockquote") == 4

    @pytest.mark.parametrize("payload", HOSTILE)
    def test_untrusted_content_is_escaped(self, payload: str) -> None:
        body = printable(payload, hostile(payload), "en").split("<body>")[1].split("</body>")[0]
        reader = Reader(body)
        assert {tag for tag, _ in reader.tags} <= {
            "h1", "h2", "p", "section", "figure", "blockquote", "figcaption", "bdi", "mark",
        }  # fmt: skip
        assert {name for _, attributes in reader.tags for name in attributes} <= {"lang", "dir"}


class TestOverHttp:
    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[TestClient]:
        self.site = site(tmp_path)
        with TestClient(create_app(self.site), "http://127.0.0.1") as client:
            client.get("/")
            yield client

    def test_export_in_every_format_is_limited_to_owner(self, client: TestClient) -> None:
        me = visitor_of(client.cookies[COOKIE])
        number = self.site.conversations.begin(me, ENGLISH_QUESTION)
        self.site.conversations.put(me, number, TURNS[0])
        kinds = {"md": "text/markdown", "docx": "application/vnd.openxml", "html": "text/html"}
        for kind, media in kinds.items():
            response = client.get(f"/page/export/{number}.{kind}")
            assert response.status_code == 200 and response.headers["content-type"].startswith(media)
        assert "unsafe-inline" in response.headers["content-security-policy"]
        assert client.get(f"/page/export/{number}.pdf").status_code == 422
        client.cookies.clear()
        client.get("/")
        for kind in kinds:
            assert client.get(f"/page/export/{number}.{kind}").status_code == 404
