"""Export a conversation as one HTML page for printing: no scripts, no external resources."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from index.articles import Language
from index.text.language import detect_language
from qa.answer import Citation
from ui.conversations.export.labels import answer_of, quotes_of, source_line
from ui.conversations.repository import StoredTurn
from ui.escaping import bidi_isolate, escape, in_language, own_language
from ui.highlighting import highlight_answer

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def printable(title: str, turns: Sequence[StoredTurn], language: Language) -> str:
    """Return the complete conversation; `language` is the page's, each text has its own."""
    body = f"<h1 {own_language(title)}>{escape(title)}</h1>{''.join(map(_turn, turns))}"
    return (
        f'<!doctype html><html {in_language(language)}><head><meta charset="utf-8">'
        f'<meta http-equiv="content-security-policy" content="{escape(POLICY.split("; frame")[0])}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_style()}</style></head><body>{body}</body></html>"
    )


def _turn(turn: StoredTurn) -> str:
    language = turn.answer.language if turn.answer else detect_language(turn.question)
    said = answer_of(turn, language).splitlines()
    lines = "".join(f"<p>{bidi_isolate(line, escape(line), language)}</p>" for line in said)
    phrase = turn.answer.short_answer if turn.answer else None
    quotes = "".join(_quotation(citation, phrase, language) for citation in quotes_of(turn))
    return (
        f"<section {in_language(language)}><h2 {own_language(turn.question)}>{escape(turn.question)}</h2>"
        f"{lines}{quotes}</section>"
    )


def _quotation(citation: Citation, phrase: str | None, language: Language) -> str:
    marked = highlight_answer(citation.quote, phrase)
    return (
        f"<figure><blockquote {in_language(citation.language)}>{marked}</blockquote>"
        f"<figcaption><bdi>[{citation.marker}]</bdi> <bdi>{escape(source_line(citation, language))}</bdi></figcaption>"
        "</figure>"
    )


@cache
def _style() -> str:
    return files("ui.conversations.export").joinpath("print.css").read_text(encoding="utf-8")
