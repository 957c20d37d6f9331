"""Render the answer record as safe HTML.

Articles, titles, questions and LLM output are untrusted text, which the templates escape. Every block carries the
language and direction of its own text, so an English quotation displays correctly inside an Arabic answer and vice
versa.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from index.article_list import publisher_of
from index.articles import Language
from qa.answer import Answer, Citation, FoundPassage, Nearest
from ui.conversations.export.labels import source_line
from ui.dates_and_plurals import format_date, plural_category
from ui.escaping import bidi_isolate, escape_sentence, strip_control_characters
from ui.highlighting import highlight_answer
from ui.i18n import translate
from ui.templating import render
from ui.web.chat.confidence_label import confidence_html

_MARKER = re.compile(r"(\[\d{1,3}\])")
_PREVIEW = 140
_NEAR = 280
"""Most code points shown of a passage: `_PREVIEW` in a list, `_NEAR` below a declined answer."""
_CLOSEST = 3


@dataclass
class Turn:
    """One question and its answer so far. `language` is the question's, used for its answer and labels.

    `before` is the number of questions ahead in the queue; `conversation` is the id of its stored conversation,
    `collection` that of the collection searched; `unkept` is the error if it could not be stored.
    """

    number: int
    question: str
    language: Language
    passages: tuple[FoundPassage, ...] | None = None
    phrase: str | None = None
    written: str = ""
    answer: Answer | None = None
    problem: str | None = None
    stopped: bool = False
    conversation: str | None = None
    collection: str | None = None
    unkept: str | None = None
    before: int = 0
    verdict: str | None = None
    why: str | None = None

    @property
    def waiting(self) -> bool:
        """True until the answer is complete, stopped or failed."""
        return self.answer is None and self.problem is None and not self.stopped


@dataclass(frozen=True)
class _Said:
    """The body of an answer: phrase, paragraphs (`None`: none yet), progress and confidence label."""

    phrase: str | None = None
    lines: list[Markup] | None = None
    notes: tuple[str, ...] = ()
    confidence: Markup | None = None


@dataclass(frozen=True)
class _Quotation:
    """A citation of the answer in `turn`, as displayed."""

    citation: Citation
    turn: int
    language: Language
    short_answer: str | None

    @property
    def anchor(self) -> str:
        return f"turn-{self.turn}-quotation-{self.citation.marker}"

    @property
    def phrase(self) -> str:
        return " ".join((self.short_answer or "").split())

    @property
    def beginning(self) -> str:
        return _shortened(self.citation.quote)

    @property
    def highlighted(self) -> Markup:
        return Markup(highlight_answer(self.citation.quote, self.short_answer))

    @property
    def origin(self) -> list[str]:
        date, source = self.citation.date, self.citation.source
        from_title = [translate("citation.from_title", self.language)] if self.citation.field == "title" else []
        dated = [*from_title, format_date(date, self.language)] if date else from_title
        return [*dated, publisher_of(source) or ""] if source else dated


_Near = tuple[Nearest | FoundPassage, str]
"""A passage and its beginning."""


def answer_html(turn: Turn) -> str:
    """Render the question and its answer so far: phrase, sentences, quotations; or the reason why there is none."""
    declined = turn.answer is not None and turn.answer.status == "declined" and not turn.answer.talk
    return render(
        "chat/answer.html",
        turn.language,
        turn=turn,
        said=_said(turn),
        nearest=_nearest(turn) if declined else (),
        quotations=() if declined else _quotations(turn),
        copied=plain_answer(turn.answer) if turn.answer else "",
    )


def passages_html(turn: Turn) -> str:
    """Render the retrieved passages, best first; each expands to its full text."""
    passages = turn.passages if turn.answer is None else turn.answer.passages
    if not passages:
        return ""
    return render("chat/passages.html", turn.language, turn=turn, passages=_beginnings(passages, _PREVIEW))


def turn_html(turn: Turn) -> str:
    """Render a complete turn, for the conversation above the current question."""
    answer, passages = Markup(answer_html(turn)), Markup(passages_html(turn))
    return render("chat/turn.html", turn.language, answer=answer, passages=passages)


def _said(turn: Turn) -> _Said:
    """Return the body of the answer: final text, partial text, progress, or error."""
    if turn.problem is not None:
        return _Said(lines=[Markup(escape_sentence(turn.problem))])
    if turn.answer is not None:
        sure = Markup(confidence_html(turn.answer)) if turn.answer.status == "answered" else None
        return _Said(turn.answer.short_answer, _paragraphs(turn.answer.answer, turn), confidence=sure)
    lines = _paragraphs(turn.written, turn) if turn.written.strip() else None
    return _Said(turn.phrase, lines, _progress(turn))


def _progress(turn: Turn) -> tuple[str, ...]:
    """Return the notes on an unfinished answer: stopped; or the step reached and the questions ahead in the queue."""
    if turn.stopped:
        return (_note(turn, "stopped"),)
    if turn.written.strip():
        return ()
    if turn.passages is None:
        step = _note(turn, "searching")
    elif turn.phrase is None:
        step = _note(turn, f"reading.{plural_category(len(turn.passages))}", count=len(turn.passages))
    else:
        step = _note(turn, "writing")
    if not turn.before:
        return (step,)
    return step, _note(turn, f"queue_position.{plural_category(turn.before)}", count=turn.before)


def _note(turn: Turn, key: str, **fields: object) -> str:
    return translate(f"page.turn.{key}", turn.language, **fields)


def _paragraphs(text: str, turn: Turn) -> list[Markup]:
    lines = [line for line in text.splitlines() if line.strip()]
    return [Markup(bidi_isolate(line, _with_markers(line, turn), turn.language)) for line in lines]


def _with_markers(text: str, turn: Turn) -> Markup:
    """Render a line of the answer, in which each known [n] is a bidi-isolated link to its quotation in its article."""
    quotations = {quotation.citation.marker: quotation for quotation in _quotations(turn)}

    def piece(part: str) -> str | int | _Quotation:
        if not _MARKER.fullmatch(part):
            return part
        marker = int(part[1:-1])
        return quotations.get(marker, part) if turn.answer else marker

    pieces = map(piece, _MARKER.split(strip_control_characters(text)))
    return render("chat/line.html", turn.language, pieces=pieces)


def _quotations(turn: Turn) -> list[_Quotation]:
    if turn.answer is None:
        return []
    phrase = turn.answer.short_answer
    return [_Quotation(citation, turn.number, turn.language, phrase) for citation in turn.answer.citations]


def plain_answer(answer: Answer) -> str:
    """Return an answer with its quotations and their sources as plain text, for copying."""
    lines = [answer.question, "", answer.answer]
    for citation in answer.citations:
        marks = "«»" if citation.language == "ar" else "“”"
        quote = f"{marks[0]}{' '.join(citation.quote.split())}{marks[1]}"
        lines += ["", f"[{citation.marker}] {quote}", source_line(citation, answer.language)]
    return "\n".join(lines)


def _nearest(turn: Turn) -> list[tuple[str, list[_Near]]]:
    """Return the texts nearest to a question that the articles do not answer, by heading."""
    if turn.answer is None or not turn.answer.passages:
        return []
    closest = (_note(turn, "closest"), _beginnings(turn.answer.passages[:_CLOSEST], _NEAR))
    if turn.answer.nearest is None:
        return [closest]
    return [(_note(turn, "nearest"), _beginnings([turn.answer.nearest], _NEAR)), closest]


def _beginnings(passages: Iterable[Nearest | FoundPassage], most: int) -> list[_Near]:
    return [(passage, _shortened(passage.text, most)) for passage in passages]


def _shortened(text: str, most: int = _PREVIEW) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most].rsplit(" ", 1)[0] + " …"
