"""How the documents of this folder were made from `source.{ar,en}.txt`: run by hand, not by the tests.

    python tests/data/documents/make.py FOLDER

writes one document per tool and language into FOLDER; of the scanned and the encrypted one, one is kept. It needs
what Jawab itself does not: Debian's chromium, LibreOffice (`soffice`) and pandoc, and the packages weasyprint,
reportlab, arabic-reshaper, python-bidi, pillow, ebooklib. A tool that is not there is passed over.

"""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
HEADER = {"ar": "نشرة الضفاف", "en": "The Ferry Gazette"}
TABLE = {
    "ar": [("المدينة", "السكان", "المساحة"), ("البصرة", "1,400,000", "181 كم"), ("بغداد", "7.6 مليون", "673 كم")],
    "en": [("City", "People", "Area"), ("Harwick", "14,000", "18 km"), ("Little Skerry", "600", "6 km")],
}
TIMES = 4
"""The body is set so often that it fills several pages, which have a header and a number each."""


def paragraphs(language: str) -> list[str]:
    return (HERE / f"source.{language}.txt").read_text(encoding="utf-8").strip().split("\n\n")


def page(language: str, running: bool = True) -> str:
    """A web page to print, with a running header and page numbers for tools that know paged media."""
    title, *body = paragraphs(language)
    direction = "rtl" if language == "ar" else "ltr"
    style = """body { font: 14pt/1.6 "DejaVu Sans", sans-serif; text-align: justify; hyphens: auto }"""
    if running:
        style += f"""@page {{ margin: 25mm; @top-center {{ content: "{HEADER[language]}" }}
        @bottom-center {{ content: counter(page) }} }}"""
    text = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in body * TIMES)
    return (
        f'<!DOCTYPE html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{style}</style></head><body><h1>{title}</h1>{text}</body></html>"
    )


def chromium(folder: Path, language: str) -> None:
    source = folder / f"page.{language}.html"
    source.write_text(page(language), encoding="utf-8")
    target = folder / f"chromium.{language}.pdf"
    _run(
        "chromium", "--headless", "--no-sandbox", "--no-pdf-header-footer", f"--print-to-pdf={target}", source.as_uri()
    )
    source.unlink()


def weasyprint(folder: Path, language: str) -> None:
    from weasyprint import HTML

    HTML(string=page(language)).write_pdf(folder / f"weasyprint.{language}.pdf")


def columns(folder: Path, language: str) -> None:
    """Two columns of indented paragraphs without space between them, and a table."""
    from weasyprint import HTML

    title, *body = paragraphs(language)
    rows = TABLE[language]
    text = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in body * 2)
    table = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    style = """body { font: 11pt "DejaVu Sans" } div { columns: 2; text-align: justify }
    p { margin: 0; text-indent: 1.5em } td { padding-inline-end: 4em }"""
    page = (
        f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"><style>{style}</style>'
        f"<h1>{title}</h1><div>{text}</div><table>{table}</table></html>"
    )
    HTML(string=page).write_pdf(folder / f"columns.{language}.pdf")


def libreoffice(folder: Path, language: str) -> None:
    """Word document and PDF, from a page that LibreOffice's Writer opens."""
    source = folder / f"libreoffice.{language}.html"
    source.write_text(page(language, running=False), encoding="utf-8")
    for made in ("docx:MS Word 2007 XML", "odt:writer8"):
        suffix = made.partition(":")[0]
        _run("soffice", "--headless", "--infilter=HTML (StarWriter)", "--convert-to", made, "--outdir", folder, source)
        if suffix == "odt":
            odt = folder / f"libreoffice.{language}.odt"
            _run("soffice", "--headless", "--convert-to", "pdf:writer_pdf_Export", "--outdir", folder, odt)
            odt.unlink()
    source.unlink()


def reportlab(folder: Path, language: str) -> None:
    """`reportlab`: letters in the order they are seen, shaped, which is what most programs write that do not know
    Arabic. `unshaped`: letters in their order of reading, which such programs show mirrored."""
    if language == "en":
        _reportlab(folder / "reportlab.en.pdf", language, str)
        return
    import arabic_reshaper
    from bidi.algorithm import get_display

    shape = arabic_reshaper.reshape
    _reportlab(folder / "reportlab-visual.ar.pdf", language, lambda line: get_display(shape(line), base_dir="R"))
    _reportlab(folder / "reportlab-visual-letters.ar.pdf", language, lambda line: get_display(line, base_dir="R"))
    _reportlab(folder / "reportlab-unshaped.ar.pdf", language, str)


def _reportlab(path: Path, language: str, shown: Callable[[str], str]) -> None:
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(TTFont("Sans", FONT))
    canvas = Canvas(str(path), pagesize=A4)
    lines = [line for text in paragraphs(language) * TIMES for line in (*textwrap.wrap(text, 70), "")]
    for number, start in enumerate(range(0, len(lines), 40), start=1):
        canvas.setFont("Sans", 11)
        _put(canvas, language, 800, shown(HEADER[language]))
        for row, line in enumerate(lines[start : start + 40]):
            _put(canvas, language, 770 - 17 * row, shown(line))
        canvas.drawCentredString(A4[0] / 2, 40, str(number))
        canvas.showPage()
    canvas.save()


def _put(canvas: Any, language: str, y: float, text: str) -> None:
    if language == "ar":
        canvas.drawRightString(540, y, text)
    else:
        canvas.drawString(60, y, text)


def scanned(folder: Path, language: str) -> None:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("1", (600, 200), 1)
    ImageDraw.Draw(image).text((20, 20), "\n".join(paragraphs(language)[:1]), font=ImageFont.truetype(FONT, 18))
    image.save(folder / f"scanned.{language}.pdf")


def encrypted(folder: Path, language: str) -> None:
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(folder / f"encrypted.{language}.pdf"), encrypt="secret")
    canvas.drawString(60, 800, "Nobody reads this.")
    canvas.save()


def pandoc(folder: Path, language: str) -> None:
    title, *body = paragraphs(language)
    first, second = body[:3], body[3:]
    text = "\n\n".join(["# " + title, *first, "# " + HEADER[language], *second])
    for suffix in ("epub", "docx"):
        _run(
            "pandoc", "--from=markdown", f"--metadata=title:{title}", f"--metadata=author:{HEADER[language]}",
            f"--metadata=lang:{language}", f"--output={folder / f'pandoc.{language}.{suffix}'}", given=text,
        )  # fmt: skip


def ebooklib(folder: Path, language: str) -> None:
    from ebooklib import epub

    title, *body = paragraphs(language)
    book = epub.EpubBook()
    book.set_title(title)
    book.set_language(language)
    book.add_author(HEADER[language])
    chapters = []
    for number, text in enumerate(body, start=1):
        chapter = epub.EpubHtml(title=f"{number}", file_name=f"{number}.xhtml", lang=language)
        chapter.content = f"<h2>{number}</h2><p>{html.escape(text)}</p>"
        book.add_item(chapter)
        chapters.append(chapter)
    book.toc = chapters
    book.spine = ["nav", *chapters]
    book.add_item(epub.EpubNcx())
    book.add_item(epub.EpubNav())
    epub.write_epub(str(folder / f"ebooklib.{language}.epub"), book)


def _run(*command: object, given: str | None = None) -> None:
    if shutil.which(str(command[0])) is None:
        raise ImportError(f"{command[0]} is not on this machine")
    subprocess.run([str(part) for part in command], check=True, input=given, text=True, capture_output=True)


def main(folder: Path) -> None:
    for make in (chromium, weasyprint, columns, libreoffice, reportlab, scanned, encrypted, pandoc, ebooklib):
        for language in ("ar", "en"):
            try:
                make(folder, language)
            except ImportError as missing:
                print(f"{make.__name__}: {missing}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
