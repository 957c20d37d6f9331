"""PDF files of several programs: reading order, paragraphs, running headers, and rejection with a reason.

The files are in `tests/data/documents`; `make.py` there says how they were made.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from pathlib import Path

import pytest

from index.formats import parsers
from index.formats.bidi import Order, in_reading_order
from index.formats.parsed import ParsedDocument, Rejected

DOCUMENTS = Path(__file__).parent / "data" / "documents"
HEADER = {"ar": "نشرة الضفاف", "en": "The Ferry Gazette"}

LETTERS_IN_ORDER = [
    "chromium.ar.pdf",
    "chromium.en.pdf",
    "weasyprint.ar.pdf",
    "weasyprint.en.pdf",
    "libreoffice.ar.pdf",
    "libreoffice.en.pdf",
    "reportlab.en.pdf",
    "reportlab-visual.ar.pdf",
    "reportlab-visual-letters.ar.pdf",
    "reportlab-unshaped.ar.pdf",
]


def pdf(data: bytes | str) -> ParsedDocument | Rejected:
    (found,) = parsers()[".pdf"]((DOCUMENTS / data).read_bytes() if isinstance(data, str) else data)
    return found


def parse_file(name: str) -> ParsedDocument:
    found = pdf(name)
    assert isinstance(found, ParsedDocument)
    return found


def source(language: str) -> list[str]:
    return (DOCUMENTS / f"source.{language}.txt").read_text(encoding="utf-8").strip().split("\n\n")


def plain(text: str) -> str:
    """Without vowel marks and stretched joins, which a program that shapes letters may leave out."""
    return "".join(c for c in text if not unicodedata.combining(c) and c != "ـ")


def words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", plain(text))


def article_text(found: ParsedDocument) -> str:
    text = found.text
    for span in reversed(found.ignored):
        text = text[: span.start] + text[span.end :]
    return text


@pytest.mark.parametrize("name", LETTERS_IN_ORDER)
def test_words_match_source_in_reading_order(name: str) -> None:
    language = name.split(".")[1]
    title, *body = source(language)
    whole = [title, *body] * 4 if name.startswith("reportlab") else [title, *body * 4]
    wanted, found = words(" ".join(whole)), words(article_text(parse_file(name)))
    if found != wanted:
        steps = difflib.SequenceMatcher(None, wanted, found, autojunk=False).get_opcodes()
        assert [(wanted[a:b], found[c:d]) for tag, a, b, c, d in steps if tag != "equal"] == []


@pytest.mark.parametrize("name", [*LETTERS_IN_ORDER, "columns.ar.pdf", "columns.en.pdf"])
def test_lines_are_joined_into_source_paragraphs(name: str) -> None:
    found = [" ".join(plain(paragraph).split()) for paragraph in article_text(parse_file(name)).split("\n\n")]
    for paragraph in source(name.split(".")[1]):
        assert plain(paragraph) in found


@pytest.mark.parametrize("name", ["chromium.ar.pdf", "weasyprint.en.pdf", "reportlab-visual.ar.pdf"])
def test_running_headers_and_page_numbers_are_ignored(name: str) -> None:
    found = parse_file(name)
    ignored = [found.text[span.start : span.end] for span in found.ignored]
    pages = len(ignored) // 2
    assert pages > 2
    assert sorted(ignored) == sorted([*map(str, range(1, pages + 1)), *[HEADER[name.split(".")[1]]] * pages])


@pytest.mark.parametrize("language", ["ar", "en"])
def test_table_rows_stay_separate(language: str) -> None:
    last = {"ar": "بغداد 7.6 مليون 673 كم", "en": "Little Skerry 600 6 km"}[language]
    assert parse_file(f"columns.{language}.pdf").text.split("\n\n")[-1] == last


def test_meaningful_title_is_used_and_date_never() -> None:
    assert parse_file("chromium.ar.pdf").title == source("ar")[0]
    nameless = parse_file("reportlab-visual.ar.pdf")  # "untitled" by "anonymous"
    assert (nameless.title, nameless.author) == (None, None)
    assert parse_file("chromium.ar.pdf").date is None


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("Water for Harwick", True),
        ("Microsoft Word - report final.doc", False),
        ("report_2021.docx", False),
        ("Untitled", False),
        ("12345", False),
        ("", False),
        ("Titles of the year", True),
    ],
)
def test_placeholder_titles_are_dropped(title: str, kept: bool) -> None:
    assert (parse_lines(["Text."], title=title).title == title) is kept


@pytest.mark.parametrize(("name", "reason"), [("scanned.pdf", "pdf_no_text"), ("encrypted.pdf", "pdf_encrypted")])
def test_scanned_or_encrypted_pdf_is_rejected(name: str, reason: str) -> None:
    assert pdf(name) == Rejected(reason)


@pytest.mark.parametrize("data", [b"%PDF-1.7\nnothing more", b"no pdf at all", b"%PDF-1.4\n" + bytes(range(256)) * 20])
def test_non_pdf_is_rejected(data: bytes) -> None:
    assert pdf(data) == Rejected("broken_document")


def test_truncated_pdf_is_rejected_or_parsed() -> None:
    whole = (DOCUMENTS / "weasyprint.en.pdf").read_bytes()
    for share in (3, 2):
        found = pdf(whole[: len(whole) * (share - 1) // share])
        assert isinstance(found, ParsedDocument | Rejected)


def test_pdf_with_too_many_pages_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.formats.pdf.MAX_PAGES", 2)
    assert pdf("weasyprint.en.pdf") == Rejected("too_many_pages")


def test_pdf_in_visual_order_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.formats.pdf_lines.in_reading_order", lambda seen, from_right: "".join(seen))
    monkeypatch.setattr("index.formats.pdf_lines.visual_to_logical", lambda seen: "".join(seen))
    assert pdf("weasyprint.ar.pdf") == Rejected("pdf_visual_order")


def test_words_hyphenated_across_lines_are_joined() -> None:
    found = parse_lines(
        ["The infra-", "structure of the well-", "known Al-", "Khouri house, all fifty-", "two rooms; well-known."]
    )
    assert "The infrastructure of the well-known Al-Khouri house, all fifty-two rooms" in found.text


def parse_lines(lines: list[str], title: str = "") -> ParsedDocument:
    """The document parsed from a PDF with these lines, one below the other, in a standard font."""
    shown = "".join(f"1 0 0 1 60 {780 - 14 * number} Tm ({line}) Tj " for number, line in enumerate(lines))
    content = f"BT /F 11 Tf {shown}ET"
    objects = [
        "<</Type /Catalog /Pages 2 0 R>>",
        "<</Type /Pages /Kids [3 0 R] /Count 1>>",
        "<</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources <</Font <</F 5 0 R>>>>>>",
        f"<</Length {len(content)}>> stream\n{content}\nendstream",
        "<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
        f"<</Title ({title})>>",
    ]
    body = "".join(f"{number} 0 obj {value} endobj\n" for number, value in enumerate(objects, start=1))
    # Without a cross-reference table: PDFium finds the objects itself.
    found = pdf(f"%PDF-1.4\n{body}trailer <</Root 1 0 R /Info 6 0 R /Size 7>>\n%%EOF".encode("ascii"))
    assert isinstance(found, ParsedDocument)
    return found


@pytest.mark.parametrize(
    ("seen", "read"),
    [
        ("2021 ماع", "عام 2021"),
        ("(رتيوت) ةصنم", "منصة (تويتر)"),
        (")رتيوت( ةصنم", "منصة (تويتر)"),
        ("Kirby نوج", "جون Kirby"),
        ("3,750 غلب", "بلغ 3,750"),
        ("%12.5 غلب", "بلغ 12.5%"),
        ("12.5% غلب", "بلغ 12.5%"),
        ("٢٫٥ غلب", "بلغ ٢٫٥"),
        ("DPS-400 زارط", "طراز DPS-400"),
        (".Delta Power Systems (DPS) ةكرش", "شركة Delta Power Systems (DPS)."),
        ("«Jawab 2.0» جمانرب", "برنامج «Jawab 2.0»"),
        ("14/4/2021 موي", "يوم 14/4/2021"),
        ("2020 - 2019 يماع", "عامي 2019 - 2020"),
        ("4G ةكبش", "شبكة 4G"),
    ],
)
def test_bidi_visual_order_becomes_reading_order(seen: str, read: str) -> None:
    # Arabic letters are typed here as they stand on a page, from left to right.
    assert in_reading_order([*seen], from_right=True) == read


def test_bidi_english_line_keeps_its_order() -> None:
    assert in_reading_order([*"the paper سفن وأ said"], from_right=False) == "the paper أو نفس said"


def test_letter_order_is_detected_from_words() -> None:
    text = " ".join(source("ar"))
    assert Order.of(text).is_right is True
    assert Order.of(text[::-1]).is_right is False
    assert Order.of("نص قصير").is_right is None
