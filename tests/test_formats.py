"""Parsing of files: formats, encodings, front matter and boilerplate."""

from __future__ import annotations

import codecs
import io
import json
from pathlib import Path

import docx
import pytest
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml

from index.boilerplate.rules import find_boilerplate
from index.formats import archive, parsers
from index.formats.encoding import NotText, decode
from index.formats.parsed import ParsedDocument, Rejected
from tests.conftest import zip_of

DOCUMENTS = Path(__file__).parent / "data" / "documents"
ARABIC = "أعلن الوزير يوم الأربعاء أن المشروع سيبدأ في الصيف المقبل، وأن كلفته ٢٥ مليون دينار."


def parse_all(suffix: str, content: str | bytes) -> list[ParsedDocument | Rejected]:
    return list(parsers()[suffix](content.encode() if isinstance(content, str) else content))


def parse_one(suffix: str, content: str | bytes) -> ParsedDocument:
    found = parse_all(suffix, content)
    assert len(found) == 1
    assert isinstance(found[0], ParsedDocument)
    return found[0]


def test_every_format_has_a_parser() -> None:
    assert {".txt", ".md", ".html", ".htm", ".jsonl", ".csv", ".docx", ".epub", ".pdf", ".zip"} <= parsers().keys()


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
def test_decodes_unicode_encodings(data: bytes) -> None:
    assert decode(data) == ARABIC


HEADLINE = "وزير النفط العراقي يعلن خطة جديدة"
MIXED = "Apple تطلق iPhone جديداً في Dubai يوم 14 April، والسعر 999 دولار"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (HEADLINE, "cp1256"),
        ("أخبار اليوم", "cp1256"),
        (MIXED, "cp1256"),
        ("The minister of oil (النفط) said on Monday that the plan would be ready in two years.", "cp1256"),
        ("سطر أول من الخبر\r\nسطر ثانٍ من الخبر\nسطر ثالث من الخبر\r", "cp1256"),
        ("The café’s “naïve” owner said it cost £5 – or €6.", "cp1252"),
        ("Le président a déclaré que l’été serait très chaud à Montréal.", "cp1252"),
        (HEADLINE, "iso8859_6"),
        ("أعلن الوزير يوم الأربعاء أن المشروع سيبدأ في الصيف المقبل، وأن كلفته 25 مليون دينار.", "iso8859_6"),
        (HEADLINE, "utf-16-le"),
        (HEADLINE, "utf-16-be"),
        (MIXED, "utf-32"),
    ],
)
def test_detects_encoding_without_bom(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_few_invalid_bytes_do_not_change_detected_encoding() -> None:
    text = ARABIC * 5
    broken = bytearray(text.encode())
    broken[100] = 0xFF
    found = decode(bytes(broken))
    assert "\ufffd" in found
    assert found.partition("\ufffd")[0] == text.encode()[:100].decode("utf-8", "ignore")
    assert found.endswith(ARABIC)
    assert decode((ARABIC[:40] + "ب").encode()[:-1]) == ARABIC[:40] + "\ufffd"


@pytest.mark.parametrize(
    "text",
    [
        "mixed\r\nline\nends\r",
        "e\u0301 is not é",
        "ﻻ ﷲ ﺍﻟﺴﻼﻡ",
        "مـــرحـــبـــا",
        "\u202bنص\u202c \u2066(x)\u2069\u200f",
        "\u064eنصٌّ",
        "a\u2028b\x85c\x0cd",
    ],
    ids=["newlines", "combining", "presentation forms", "tatweel", "bidi controls", "marks", "rare line ends"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unusual_characters_are_preserved(text: str, encoding: str) -> None:
    assert parse_one(".txt", text.encode(encoding)).text == text


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0" + bytes(range(256)),
        b"PK\x03\x04\0\0\x08\0" * 40,
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0>\0\x01\0\0\0" + bytes(range(256)) * 3,
        bytes(range(128, 256)) * 3,
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(range(1, 256)) * 4,
    ],
    ids=["picture", "archive", "program", "bytes", "pdf"],
)
def test_binary_data_raises_not_text(data: bytes) -> None:
    with pytest.raises(NotText):
        decode(data)


def test_plain_text_is_not_normalized() -> None:
    text = "عنوان\r\n\r\nنـصّ\u200f مع ﻻ\n"
    assert parse_one(".txt", text).text == text


def test_front_matter_becomes_metadata_and_ignored_span() -> None:
    text = "---\ntitle: عنوان\ndate: 2021-04-08\nsource: الضفاف\nlang: ar\n---\n\nالنص هنا."
    found = parse_one(".md", text)
    assert (found.title, found.date, found.source, found.language) == ("عنوان", "2021-04-08", "الضفاف", "ar")
    assert found.text == text
    (ignored,) = found.ignored
    assert text[ignored.end :].strip() == "النص هنا."


@pytest.mark.parametrize("text", ["---\n: [unclosed\n---\nbody", "---\njust a rule\n---\nbody", "# Title\n\nbody"])
def test_invalid_front_matter_is_text(text: str) -> None:
    assert parse_one(".md", text) == ParsedDocument(text=text)


INVALID_VALUES = [
    "date: 1:59:59" + ":59" * 3000,
    "date: !!timestamp foo",
    "title: !!int x",
    "date: !!float ''",
    "? [a, b]\n: c",
]


@pytest.mark.parametrize("metadata", INVALID_VALUES, ids=range(len(INVALID_VALUES)))
def test_front_matter_with_invalid_values_keeps_text(metadata: str) -> None:
    text = f"---\n{metadata}\n---\nbody"
    assert (parse_one(".md", text).text, parse_one(".md", text).date) == (text, None)
    files = {"bad.md": text, "good.md": "The neighbour is read."}
    assert [found.text for found in archive.read(zip_of(files)) if isinstance(found, ParsedDocument)] == list(
        files.values()
    )


def test_html_article_is_extracted_without_menus() -> None:
    page = f"""<html><head><title>Site | News</title><meta property="og:title" content="Headline">
    <meta property="article:published_time" content="2021-05-03T10:00:00Z">
    <script>alert("no")</script></head><body><nav><a href="/">Home</a> <a href="/s">Sport</a></nav>
    <article><h1>Headline</h1><p>{"The plant opened on Monday after six years of work. " * 5}</p>
    <p>{"It gives water to 40,000 people in the city and its villages. " * 5}</p></article>
    <footer>Share on Facebook. Updated 2024-01-01</footer></body></html>"""
    found = parse_one(".html", page)
    assert "The plant opened on Monday" in found.text
    assert "40,000 people" in found.text
    assert not any(word in found.text for word in ("alert", "Facebook", "Sport"))
    assert (found.title, found.date) == ("Headline", "2021-05-03")


def test_html_without_article_is_rejected() -> None:
    assert parse_all(".html", "<html><body></body></html>") == [Rejected("no_article")]


def test_jsonl_rejects_bad_lines_by_number_and_keeps_rest() -> None:
    lines = [
        json.dumps({"id": "one", "text": "A\u2028B", "title": "T", "date": "2020-01-02", "url": "u", "lang": "en"}),
        "{broken",
        "",
        json.dumps({"title": "no text"}),
        json.dumps(["a", "list"]),
        json.dumps({"text": "  "}),
        json.dumps({"text": "last", "date": "sometime", "title": 7, "id": 12}),
    ]
    found = parse_all(".jsonl", "\n".join(lines))
    assert found == [
        ParsedDocument(text="A\u2028B", key="one", id="one", title="T", date="2020-01-02", source="u", language="en"),
        Rejected("broken_json", 2),
        Rejected("no_text_field", 4),
        Rejected("no_text_field", 5),
        Rejected("empty", 6),
        ParsedDocument(text="last", key="12", id="12"),
    ]


class TestTables:
    def test_columns_are_recognized_by_name_in_both_languages(self) -> None:
        english = 'id,title,text,date\n7,"A, title","First line\nsecond, line",2021-05-03\n'
        assert parse_one(".csv", english) == ParsedDocument(
            text="First line\nsecond, line", key="7", id="7", title="A, title", date="2021-05-03"
        )
        arabic = f"العنوان;النص;المصدر\nخبر;{ARABIC};الضفاف\n"
        assert parse_one(".csv", arabic) == ParsedDocument(text=ARABIC, key="2", title="خبر", source="الضفاف")

    def test_rows_without_text_are_rejected_by_number(self) -> None:
        found = parse_all(".csv", "title,text\none,\n\ntwo,Text.\nshort\n")
        assert found == [
            Rejected("no_text_field", 2),
            ParsedDocument(text="Text.", key="4", title="two"),
            Rejected("no_text_field", 5),
        ]

    def test_row_number_is_its_first_line(self) -> None:
        found = parse_all(".csv", 'title,text\none,"two\nlines"\n\nthree,\nfour,"in\nthree\nlines"\nfive,\n')
        assert [part.line if isinstance(part, Rejected) else part.key for part in found] == ["2", 5, "6", 9]

    def test_table_without_text_column_is_rejected(self) -> None:
        assert parse_all(".csv", "name,age\nAli,4\n") == [Rejected("no_text_column")]

    def test_cell_may_exceed_csv_field_limit(self) -> None:
        assert len(parse_one(".csv", "text\n" + "word " * 60_000).text) == 300_000


def word_document(*parts: str | list[list[str]], title: str = "") -> bytes:
    """A Word document as Word would save it, made by python-docx: paragraphs, and tables as lists of rows."""
    document = docx.Document()
    document.core_properties.title = title
    for part in parts:
        if isinstance(part, str):
            document.add_paragraph(part)
            continue
        table = document.add_table(rows=len(part), cols=len(part[0]))
        for row, cells in zip(table.rows, part, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def word_document_of(*blocks: str) -> bytes:
    """A Word document whose body has these blocks of raw XML."""
    document = docx.Document()
    names = docx.oxml.ns.nsmap | {"mc": "http://schemas.openxmlformats.org/markup-compatibility/2006"}
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in names.items())
    for block in parse_xml(f"<root {spaces}>{''.join(blocks)}</root>"):
        document.element.body.insert_element_before(block, "w:sectPr")
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def source_words(language: str) -> list[str]:
    """The paragraphs that the documents of other programs were made from (`tests/data/documents/make.py`)."""
    return (DOCUMENTS / f"source.{language}.txt").read_text(encoding="utf-8").strip().split("\n\n")


def plain_quotes(text: str) -> str:
    return " ".join(text.translate(str.maketrans("“”’", '""\'')).split())


class TestWord:
    def test_paragraphs_and_tables_keep_their_order(self) -> None:
        found = parse_one(
            ".docx", word_document(ARABIC, [["المدينة", "السكان"], ["البصرة", "1,400,000"]], "Last words.")
        )
        assert found.text == f"{ARABIC}\n\nالمدينة | السكان\nالبصرة | 1,400,000\n\nLast words."
        assert found.date is None

    def test_title_is_from_properties_or_first_heading(self) -> None:
        assert parse_one(".docx", word_document("Text.", title="The title")).title == "The title"
        document = docx.Document()
        document.add_heading("عنوان الخبر", level=1)
        document.add_paragraph(ARABIC)
        file = io.BytesIO()
        document.save(file)
        assert parse_one(".docx", file.getvalue()).title == "عنوان الخبر"

    def test_tracked_changes_and_text_boxes_are_read_as_printed(self) -> None:
        run = "<w:r><w:t xml:space='preserve'>{}</w:t></w:r>"
        box = "<w:txbxContent><w:p><w:r><w:t>في إطار</w:t></w:r></w:p></w:txbxContent>"
        found = parse_one(
            ".docx",
            word_document_of(
                "<w:p>"
                + run.format("قال ")
                + f"<w:ins w:id='1'>{run.format('أمس ')}</w:ins>"
                + "<w:del w:id='2'><w:r><w:delText>غداً </w:delText></w:r></w:del>"
                + f"<w:moveFrom w:id='3'>{run.format('هنا ')}</w:moveFrom>"
                + f"<w:smartTag>{run.format('إن')}</w:smartTag>"
                + "<w:r><w:rPr><w:vanish/></w:rPr><w:t>سر</w:t></w:r>"
                + "<w:r><w:tab/><w:t>العمل</w:t><w:br/><w:t>بدأ</w:t></w:r></w:p>",
                f"<w:sdt><w:sdtContent><w:p>{run.format('In a control.')}</w:p></w:sdtContent></w:sdt>",
                "<w:p><w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing>"
                f"{box}</w:drawing></mc:Choice><mc:Fallback><w:pict>{box}</w:pict></mc:Fallback>"
                "</mc:AlternateContent></w:r>"
                f"{run.format('Beside the box.')}</w:p>",
                f"<w:tbl><w:tr><w:tc><w:p>{run.format('a')}</w:p><w:tbl><w:tr><w:tc><w:p>{run.format('in a')}</w:p>"
                f"</w:tc></w:tr></w:tbl></w:tc><w:tc><w:p>{run.format('b')}</w:p></w:tc></w:tr>"
                f"<w:tr><w:trPr><w:del w:id='4'/></w:trPr><w:tc><w:p>{run.format('gone')}</w:p></w:tc></w:tr></w:tbl>",
            ),
        )
        assert found.text == "قال أمس إن\tالعمل\nبدأ\n\nIn a control.\n\nBeside the box.\n\nفي إطار\n\na in a | b"

    def test_footnotes_are_appended_and_page_headers_left_out(self) -> None:
        document = docx.Document()
        document.add_paragraph(ARABIC)
        document.sections[0].header.paragraphs[0].text = "ترويسة"
        document.sections[0].footer.paragraphs[0].text = "تذييل"
        namespace = docx.oxml.ns.nsmap["w"]
        notes = f"""<w:footnotes xmlns:w="{namespace}"><w:footnote w:type="separator" w:id="-1"><w:p/></w:footnote>
        <w:footnote w:id="1"><w:p><w:r><w:t>حاشية أولى.</w:t></w:r></w:p></w:footnote></w:footnotes>"""
        base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
        name = PackURI("/word/footnotes.xml")
        part = Part(name, "application/xml", notes.encode(), document.part.package)
        document.part.relate_to(part, base)
        file = io.BytesIO()
        document.save(file)
        assert parse_one(".docx", file.getvalue()).text == f"{ARABIC}\n\nحاشية أولى."

    @pytest.mark.parametrize("name", ["libreoffice.ar", "libreoffice.en", "pandoc.ar", "pandoc.en"])
    def test_documents_from_other_programs_are_read_completely(self, name: str) -> None:
        found = parse_one(".docx", (DOCUMENTS / f"{name}.docx").read_bytes())
        title, *_ = source = source_words(name.partition(".")[2])
        assert found.title == title
        assert [paragraph for paragraph in source if plain_quotes(paragraph) not in plain_quotes(found.text)] == []

    def test_invalid_documents_are_rejected(self) -> None:
        assert parse_all(".docx", b"not a document at all") == [Rejected("broken_document")]
        assert parse_all(".docx", zip_of({"a.txt": "text"})) == [Rejected("broken_document")]
        assert parse_all(".docx", word_document()) == [Rejected("empty")]
        whole = word_document(ARABIC)
        assert parse_all(".docx", whole[: len(whole) // 2]) == [Rejected("broken_document")]


def book(chapters: dict[str, str], order: list[str] | None = None) -> bytes:
    """An EPUB with the given chapters: name to the HTML of the body."""
    items = "".join(f'<item id="{n}" href="text/{n}.xhtml" media-type="application/xhtml+xml"/>' for n in chapters)
    spine = "".join(f'<itemref idref="{name}"/>' for name in order or chapters)
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>t</title></head><body>{}</body></html>'
    return zip_of(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
            "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>كتاب النهر</dc:title><dc:creator>سلمى</dc:creator>'
            f"</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>",
        }
        | {f"OEBPS/text/{name}.xhtml": page.format(body) for name, body in chapters.items()}
    )


class TestBooks:
    def test_chapters_become_articles_in_spine_order(self) -> None:
        data = book({"b": f"<h2>الثاني</h2><p>{ARABIC}</p>", "a": "<h1>First</h1><p>One<br/>two.</p>"}, ["a", "b"])
        first, second = parse_all(".epub", data)
        assert first == ParsedDocument(
            text="First\n\nOne two.",
            key="OEBPS/text/a.xhtml",
            title="First · كتاب النهر",
            source="كتاب النهر",
            author="سلمى",
        )
        assert isinstance(second, ParsedDocument)
        assert second.text == f"الثاني\n\n{ARABIC}"

    @pytest.mark.parametrize("name", ["pandoc.ar", "pandoc.en", "ebooklib.ar"])
    def test_books_from_other_programs_are_read_completely(self, name: str) -> None:
        found = parse_all(".epub", (DOCUMENTS / f"{name}.epub").read_bytes())
        text = "\n".join(part.text for part in found if isinstance(part, ParsedDocument))
        title, *body = source_words(name.partition(".")[2])
        assert len(found) == (2 if name.startswith("pandoc") else 5)  # neither the title page nor the contents
        assert all(isinstance(part, ParsedDocument) and part.source == title for part in found)
        assert [paragraph for paragraph in body if plain_quotes(paragraph) not in plain_quotes(text)] == []

    def test_scripts_menus_and_empty_pages_are_skipped(self) -> None:
        data = book({"cover": "<img src='c.png'/>", "a": "<nav>Contents</nav><script>bad()</script><p>Text.</p>"})
        assert parse_one(".epub", data).text == "Text."

    @pytest.mark.parametrize(
        "data",
        [
            b"no book",
            zip_of({"a.txt": "x"}),
            zip_of({"META-INF/container.xml": "<broken"}),
            book({"a": "<p>x</p>"})[:300],
        ],
    )
    def test_invalid_books_are_rejected(self, data: bytes) -> None:
        assert parse_all(".epub", data) == [Rejected("broken_document")]

    def test_entities_are_not_resolved(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("the secret")
        hostile = (
            f'<!DOCTYPE p [<!ENTITY x SYSTEM "{secret.as_uri()}">]><package><metadata><title>&x;</title></metadata>'
            '<manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
            '<spine><itemref idref="a"/></spine></package>'
        )
        container = '<container><rootfile full-path="b.opf"/></container>'
        data = zip_of({"META-INF/container.xml": container, "b.opf": hostile, "a.xhtml": "<p>Text.</p>"})
        assert "the secret" not in str(parse_all(".epub", data))


@pytest.mark.parametrize("suffix", [".docx", ".epub"])
def test_zip_bomb_is_rejected_before_unpacking(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.formats.zip_container.MAX_UNPACKED_BYTES", 1_000_000)
    assert parse_all(suffix, zip_of({"bomb": "0" * 2_000_000})) == [Rejected("unpacks_too_large")]
    monkeypatch.setattr("index.formats.zip_container.MAX_MEMBERS", 10)
    assert parse_all(suffix, zip_of({str(n): "" for n in range(11)})) == [Rejected("unpacks_too_large")]


def test_boilerplate_is_found_as_whole_lines() -> None:
    text = (
        "الخميس 25 أبريل / أبريل 2024\nعنوان القصة\nعنوان القصة\nقال الوزير إن القصة انتهت.\n"
        "شارك القصة\nClose\naXA6IDMuMTUuMjAzLjI0NiA= جزيرة ام اند امز\nوشارك القصة مع أصدقائه.\n"
    )
    ignored = [text[span.start : span.end] for span in find_boilerplate(text)]
    assert ignored == [
        "الخميس 25 أبريل / أبريل 2024",
        "عنوان القصة",
        "شارك القصة",
        "Close",
        "aXA6IDMuMTUuMjAzLjI0NiA= جزيرة ام اند امز",
    ]
