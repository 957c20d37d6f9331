"""Export a conversation as a Word document, with right-to-left paragraphs for Arabic."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from docx import Document
from docx.enum.text import WD_COLOR_INDEX
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt

from index.articles import Language
from index.text.language import detect_language
from qa.answer import Citation
from ui.conversations.export.labels import answer_of, quotes_of, source_line
from ui.conversations.repository import StoredTurn
from ui.escaping import strip_control_characters
from ui.highlighting import find_answer_span

_ARABIC_FACE = "Noto Naskh Arabic"
"""If it is not installed, Word substitutes its own Arabic font."""


def word(title: str, turns: Sequence[StoredTurn]) -> bytes:
    """Return the complete conversation as a .docx file."""
    document = Document()
    document.core_properties.title = strip_control_characters(title)
    document.core_properties.author = "Jawab"
    _paragraph(document, "Title", detect_language(title)).add_run(strip_control_characters(title))
    for turn in turns:
        _turn(document, turn)
    for paragraph in document.paragraphs:
        _finish(paragraph)
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _turn(document: Any, turn: StoredTurn) -> None:
    language = turn.answer.language if turn.answer else detect_language(turn.question)
    _paragraph(document, "Heading 1", detect_language(turn.question)).add_run(strip_control_characters(turn.question))
    for line in answer_of(turn, language).splitlines():
        _paragraph(document, "Normal", language).add_run(strip_control_characters(line))
    for citation in quotes_of(turn):
        _quotation(document, citation, turn.answer.short_answer if turn.answer else None)
        source = _paragraph(document, "Normal", citation.language)
        source.add_run(
            f"[{citation.marker}] {strip_control_characters(source_line(citation, language))}"
        ).font.size = Pt(9)


def _quotation(document: Any, citation: Citation, phrase: str | None) -> None:
    """Add the quotation, with the answer phrase highlighted."""
    quote = strip_control_characters(citation.quote)
    paragraph = _paragraph(document, "Quote", citation.language)
    found = find_answer_span(quote, strip_control_characters(phrase) if phrase else None)
    if found is None:
        paragraph.add_run(quote)
        return
    paragraph.add_run(quote[: found.start])
    paragraph.add_run(quote[found.start : found.end]).font.highlight_color = WD_COLOR_INDEX.YELLOW
    paragraph.add_run(quote[found.end :])


def _paragraph(document: Any, style: str, language: Language) -> Any:
    paragraph = document.add_paragraph(style=style)
    if language == "ar":
        paragraph.paragraph_format.element.get_or_add_pPr().append(OxmlElement("w:bidi"))
    return paragraph


def _finish(paragraph: Any) -> None:
    """Mark every run of a right-to-left paragraph as such: Word shapes and orders run by run."""
    if paragraph._p.pPr is None or paragraph._p.pPr.find(qn("w:bidi")) is None:
        return
    for run in paragraph.runs:
        properties = run._r.get_or_add_rPr()
        properties.append(OxmlElement("w:rtl"))
        fonts = properties.get_or_add_rFonts()
        fonts.set(qn("w:cs"), _ARABIC_FACE)
