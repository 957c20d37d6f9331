"""Export a conversation as Markdown: questions as headings, answers, quotations with their sources.

Text of questions, answers and articles is escaped: it cannot become Markdown or HTML markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from index.articles import Language
from index.text.language import detect_language
from ui.conversations.export.labels import answer_of, quotes_of, source_line
from ui.conversations.repository import StoredTurn
from ui.escaping import in_language, strip_control_characters

_SPECIAL = re.compile(r"([\\`*_\[\]&#|~!$])")
_LINE_START = re.compile(r"^(\s*)([-+=>]|\d+(?=[.)]))", re.MULTILINE)


def markdown(title: str, turns: Sequence[StoredTurn]) -> str:
    """Return the complete conversation; each text is in an element with its own direction."""
    parts = [f"# {_line(title)}", *(part for turn in turns for part in _turn(turn))]
    return "\n\n".join(parts) + "\n"


def _turn(turn: StoredTurn) -> Iterator[str]:
    language = turn.answer.language if turn.answer else detect_language(turn.question)
    yield from _directed(language, f"## {_line(turn.question)}", _text(answer_of(turn, language)))
    for citation in quotes_of(turn):
        quote = "\n".join(f"> {line}" for line in _text(citation.quote).splitlines())
        source = f"\\[{citation.marker}\\] {_line(source_line(citation, language))}"
        yield from _directed(citation.language, f"{quote}\n>\n> {source}")


def _directed(language: Language, *parts: str) -> Iterator[str]:
    # CommonMark parses text between blank lines inside an HTML element as Markdown.
    yield f"<div {in_language(language)}>"
    yield from parts
    yield "</div>"


def _line(text: str) -> str:
    return _text(" ".join(text.split()))


def _text(text: str) -> str:
    escaped = _SPECIAL.sub(r"\\\1", strip_control_characters(text).strip()).replace("<", "&lt;").replace(">", "&gt;")
    lines = (line.strip() for line in escaped.splitlines() if line.strip())
    return "\n".join(_LINE_START.sub(_unlisted, line) for line in lines)


def _unlisted(match: re.Match[str]) -> str:
    """Escape the start of a line, so that "-" and "1." begin no list."""
    return f"{match[2]}\\" if match[2].isdecimal() else f"\\{match[2]}"
