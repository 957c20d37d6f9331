"""Labels shared by the exports: source line of a quotation, note of a stopped turn."""

from __future__ import annotations

from index.articles import Language
from qa.answer import Citation
from ui.conversations.repository import StoredTurn
from ui.dates_and_plurals import format_date
from ui.i18n import translate


def source_line(citation: Citation, language: Language) -> str:
    """Return title, date and source of a quotation on one line; and that it is from the title, if it is."""
    from_title = translate("citation.from_title", language) if citation.field == "title" else None
    date = format_date(citation.date, language) if citation.date else None
    return " · ".join(" ".join(part.split()) for part in (citation.title, from_title, date, citation.source) if part)


def answer_of(turn: StoredTurn, language: Language) -> str:
    """Return the answer of a turn, or a note that it was stopped."""
    return turn.answer.answer if turn.answer else translate("page.turn.stopped", language)


def quotes_of(turn: StoredTurn) -> tuple[Citation, ...]:
    return turn.answer.citations if turn.answer else ()
