"""Render the answer record as safe HTML.

Articles, titles, questions and LLM output are untrusted text. All of it passes through `escape`, which escapes markup
and removes characters that could change the direction of neighbouring text. Every block carries the language and
direction of its own text, so an English quotation displays correctly inside an Arabic answer and vice versa.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from index.article_list import publisher_of
from index.articles import Language
from qa.answer import Answer, Citation, FoundPassage, Nearest
from ui.conversations.export.labels import source_line
from ui.dates_and_plurals import format_date, plural_category
from ui.escaping import bidi_isolate, escape, escape_sentence, in_language, own_language
from ui.highlighting import highlight_answer
from ui.i18n import translate
from ui.web.chat.confidence_label import confidence_html

_MARKER = re.compile(r"\[(\d{1,3})\]")
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


def answer_html(turn: Turn) -> str:
    """Render the question and its answer so far: phrase, sentences, quotations; or the reason why there is none."""
    parts = [_question(turn), *_said(turn)]
    if turn.answer and turn.answer.status == "declined" and not turn.answer.talk:
        parts.append(_closest(turn))
    elif turn.answer:
        parts.append(_quotations(turn))
    if turn.answer:
        parts.append(_footer(turn, turn.answer))
    if turn.unkept:
        parts.append(f'<p class="note">{escape_sentence(turn.unkept)}</p>')
    state = ' aria-busy="true"' if turn.waiting else ""
    if turn.conversation:
        state += f' data-conversation="{escape(turn.conversation)}"'
    return (
        f'<section class="turn" data-turn="{turn.number}"{_about(turn)} {in_language(turn.language)}'
        f"{state}>{''.join(parts)}</section>"
    )


def passages_html(turn: Turn) -> str:
    """Render the retrieved passages, best first; each expands to its full text."""
    passages = turn.passages if turn.answer is None else turn.answer.passages
    if not passages:
        return ""
    label = escape(translate("page.turn.passages", turn.language))
    rows = "".join(f"<li>{_passage(passage, turn.language)}</li>" for passage in passages)
    return (
        f'<aside class="found"{_about(turn)} {in_language(turn.language)} aria-label="{label}">'
        f"<h3>{label}</h3><ol>{rows}</ol></aside>"
    )


def _about(turn: Turn) -> str:
    """Return the attribute with the turn's collection, from which `static/reading.js` opens articles."""
    return f' data-collection="{escape(turn.collection)}"' if turn.collection else ""


def turn_html(turn: Turn) -> str:
    """Render a complete turn, for the conversation above the current question."""
    return f'<div class="pair">{answer_html(turn)}{passages_html(turn)}</div>'


def _question(turn: Turn) -> str:
    heading = f'<h2 class="question">{escape(turn.question)}</h2>'
    if turn.answer is None or turn.answer.asked is None:
        return heading
    understood = translate("page.turn.asked", turn.language, question=turn.answer.asked)
    return f'{heading}<p class="note">{escape(understood)}</p>'


def _said(turn: Turn) -> list[str]:
    """Render the body of the answer: final text, partial text, progress, or error."""
    if turn.problem is not None:
        return [f'<div class="said" aria-live="polite"><p>{escape_sentence(turn.problem)}</p></div>']
    if turn.answer is not None:
        sure = confidence_html(turn.answer) if turn.answer.status == "answered" else ""
        return [_phrase(turn.answer.short_answer), _paragraphs(turn.answer.answer, turn), sure]
    parts = [_phrase(turn.phrase)]
    if turn.written.strip():
        parts.append(_paragraphs(turn.written, turn))
    if turn.stopped:
        parts.append(_note(turn, "stopped"))
    elif not turn.written.strip():
        parts.append(_doing(turn))
        if turn.before:
            parts.append(_note(turn, f"before.{plural_category(turn.before)}", count=turn.before))
    return parts


def _doing(turn: Turn) -> str:
    """Render the progress: searching, reading so many passages, or writing."""
    if turn.passages is None:
        return _note(turn, "searching")
    if turn.phrase is None:
        return _note(turn, f"reading.{plural_category(len(turn.passages))}", count=len(turn.passages))
    return _note(turn, "writing")


def _note(turn: Turn, key: str, **fields: object) -> str:
    return f'<p class="note">{escape(translate(f"page.turn.{key}", turn.language, **fields))}</p>'


def _phrase(phrase: str | None) -> str:
    if not phrase:
        return ""
    # The block is aligned with the answer; the words inside keep their own direction.
    return f'<p class="phrase"><bdi>{escape(phrase)}</bdi></p>'


def _paragraphs(text: str, turn: Turn) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    body = "".join(f"<p>{bidi_isolate(line, _with_markers(line, turn), turn.language)}</p>" for line in lines)
    return f'<div class="said" aria-live="polite">{body}</div>'


def _with_markers(text: str, turn: Turn) -> str:
    """Escape `text` and turn each known [n] into a bidi-isolated link to its quotation in its article."""
    citations = {citation.marker: citation for citation in turn.answer.citations} if turn.answer else {}

    def linked(match: re.Match[str]) -> str:
        marker = int(match[1])
        if turn.answer is None and turn.problem is None:
            return f'<bdi class="marker" dir="ltr">[{marker}]</bdi>'
        if marker not in citations:
            return match[0]
        cited = citations[marker]
        beginning = escape(_shortened(cited.quote))
        peek = f'<span class="peek" {in_language(cited.language)} aria-hidden="true">{beginning}</span>'
        opens = _opens(cited.article_id, cited.start, cited.end, turn.answer.short_answer if turn.answer else None)
        label = escape(translate("page.turn.quotation", turn.language, marker=marker, title=cited.title))
        return (
            f'<a class="marker open" href="#{_anchor(turn.number, marker)}" {opens} aria-label="{label}">'
            f'<bdi dir="ltr">[{marker}]</bdi>{peek}</a>'
        )

    return _MARKER.sub(linked, escape(text))


def _opens(article_id: str, start: int, end: int, phrase: str | None) -> str:
    """Return the data attributes from which `static/reading.js` opens an article at a quotation."""
    return (
        f'data-article="{escape(article_id)}" data-start="{start}" data-end="{end}"'
        f' data-phrase="{escape(" ".join((phrase or "").split()))}"'
    )


def _anchor(number: int, marker: int) -> str:
    return f"turn-{number}-quotation-{marker}"


def _quotations(turn: Turn) -> str:
    if turn.answer is None or not turn.answer.citations:
        return ""
    label = escape(translate("page.turn.quotations", turn.language))
    figures = "".join(_quotation(turn, citation, turn.answer.short_answer) for citation in turn.answer.citations)
    return f'<section class="quotations" aria-label="{label}">{figures}</section>'


def _quotation(turn: Turn, citation: Citation, phrase: str | None) -> str:
    quote = f'<q class="highlight">{highlight_answer(citation.quote, phrase)}</q>'
    return (
        f'<figure class="quotation" id="{_anchor(turn.number, citation.marker)}">'
        f"<blockquote {in_language(citation.language)}>{quote}</blockquote>"
        f'<figcaption><bdi class="marker" dir="ltr">[{citation.marker}]</bdi> {_origin(turn, citation)}</figcaption>'
        "</figure>"
    )


def _origin(turn: Turn, citation: Citation) -> str:
    opens = _opens(citation.article_id, citation.start, citation.end, turn.answer.short_answer if turn.answer else None)
    words = f"<bdi {in_language(citation.language)}>{escape(citation.title)}</bdi>"
    title = f'<a class="title open" href="#{_anchor(turn.number, citation.marker)}" {opens}>{words}</a>'
    rest = []
    if citation.date:
        rest.append(format_date(citation.date, turn.language))
    if citation.source:
        rest.append(publisher_of(citation.source) or "")
    return '<span class="dot"> · </span>'.join([title, *(f"<bdi>{escape(part)}</bdi>" for part in rest)])


def _footer(turn: Turn, answer: Answer) -> str:
    """Render the answer's controls: copy and feedback. `static/turns.js` handles them."""

    def text(key: str) -> str:
        return escape(translate(f"page.turn.{key}", turn.language))

    copied = escape(plain_answer(answer))
    buttons = (
        f'<button type="button" class="copy" data-copy="{copied}" data-done="{text("copied")}">{text("copy")}</button>'
    )
    if turn.conversation:
        buttons += "".join(
            f'<button type="button" class="verdict" data-verdict="{verdict}"'
            f' aria-pressed="{str(turn.verdict == verdict).lower()}">{text(verdict)}</button>'
            for verdict in ("good", "bad")
        )
        hidden = "" if turn.verdict == "bad" else " hidden"
        buttons += (
            f'<form class="why"{hidden}><input aria-label="{text("why")}" placeholder="{text("why")}" maxlength="500"'
            f' dir="auto" value="{escape(turn.why or "")}"><button>{text("keep_why")}</button>'
            f'<span role="status" data-done="{text("why_kept")}"></span></form>'
        )
    return f'<footer class="doing">{buttons}</footer>'


def plain_answer(answer: Answer) -> str:
    """Return an answer with its quotations and their sources as plain text, for copying."""
    lines = [answer.question, "", answer.answer]
    for citation in answer.citations:
        marks = "«»" if citation.language == "ar" else "“”"
        quote = f"{marks[0]}{' '.join(citation.quote.split())}{marks[1]}"
        lines += ["", f"[{citation.marker}] {quote}", source_line(citation, answer.language)]
    return "\n".join(lines)


def _closest(turn: Turn) -> str:
    passages = turn.answer.passages[:_CLOSEST] if turn.answer else ()
    if not passages:
        return ""
    near = _near(turn, "nearest", [nearest]) if turn.answer and (nearest := turn.answer.nearest) else ""
    return near + _near(turn, "closest", passages)


def _near(turn: Turn, key: str, texts: Sequence[Nearest | FoundPassage]) -> str:
    """Render the texts nearest to a question that the articles do not answer."""
    label = escape(translate(f"page.turn.{key}", turn.language))
    figures = "".join(
        f'<figure class="near"><blockquote {own_language(near.text)}>'
        f"{escape(_shortened(near.text, _NEAR))}</blockquote>"
        f"<figcaption {own_language(near.title)}>{_opening(near)}</figcaption></figure>"
        for near in texts
    )
    return f'<section class="closest" aria-label="{label}"><h3>{label}</h3>{figures}</section>'


def _passage(passage: FoundPassage, language: Language) -> str:
    own = own_language(passage.text)
    opens = _opens(passage.article_id, passage.start, passage.end, None)
    label = escape(translate("page.article.open", language))
    return (
        f"<details {own}><summary>{_title(passage)}"
        f'<span class="preview" {own}>{escape(_shortened(passage.text))}</span></summary>'
        f'<p class="passage" {own}>{escape(passage.text)}</p>'
        f'<p {in_language(language)}><a class="open" href="#" {opens}>{label}</a></p></details>'
    )


def _shortened(text: str, most: int = _PREVIEW) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most].rsplit(" ", 1)[0] + " …"


def _opening(near: Nearest | FoundPassage) -> str:
    """Render a title that opens its article at the text."""
    opens = _opens(near.article_id, near.start, near.end, None)
    return f'<a class="title open" href="#" {opens}><bdi {own_language(near.title)}>{escape(near.title)}</bdi></a>'


def _title(passage: Nearest | FoundPassage) -> str:
    return f'<bdi class="title" {own_language(passage.title)}>{escape(passage.title)}</bdi>'
