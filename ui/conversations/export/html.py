"""Export a conversation as one HTML page for printing: no scripts, no external resources."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from markupsafe import Markup

from index.articles import Language
from index.text.language import detect_language
from ui.conversations.export.labels import answer_of, quotes_of, source_line
from ui.conversations.repository import StoredTurn
from ui.escaping import bidi_isolate, escape
from ui.highlighting import highlight_answer
from ui.templating import render

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def printable(title: str, turns: Sequence[StoredTurn], language: Language) -> str:
    """Render the complete conversation; `language` is the page's, each text has its own."""
    policy = POLICY.split("; frame")[0]
    return render("export/page.html", language, title=title, turns=map(_turn, turns), policy=policy, style=_style())


def _turn(turn: StoredTurn) -> Markup:
    """Render a question with its answer and quotations, in the answer's language."""
    language = turn.answer.language if turn.answer else detect_language(turn.question)
    phrase = turn.answer.short_answer if turn.answer else None
    said = answer_of(turn, language).splitlines()
    lines = [Markup(bidi_isolate(line, escape(line), language)) for line in said]
    quotes = [
        (citation, Markup(highlight_answer(citation.quote, phrase)), source_line(citation, language))
        for citation in quotes_of(turn)
    ]
    return render("export/turn.html", language, question=turn.question, lines=lines, quotes=quotes)


@cache
def _style() -> Markup:
    return Markup(files("ui.conversations.export").joinpath("print.css").read_text(encoding="utf-8"))
