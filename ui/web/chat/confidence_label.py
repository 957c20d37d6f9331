"""How sure an answer is, in words, with what that is worth: how many such answers were right when it was measured."""

from __future__ import annotations

from typing import Literal

from qa.answer import Answer
from ui.dates_and_plurals import plural_category
from ui.i18n import translate
from ui.web.escaping import escape

SURE, LIKELY = 0.8, 0.5
"""The confidences from which an answer is called sure, and likely. docs/answers.md has the shares that were right."""

Level = Literal["sure", "likely", "look", "own"]


def level_of(answer: Answer) -> Level:
    """`own`: the articles' own sentences, of which only their choice can be wrong; `look`: look yourself."""
    if answer.short_answer is None:
        return "own"
    if answer.other is not None or answer.confidence < LIKELY:
        return "look"
    return "sure" if answer.confidence >= SURE else "likely"


def confidence_html(answer: Answer) -> str:
    """A quiet line that opens to what it means."""
    level = level_of(answer)
    language = answer.language
    articles = len({citation.article_id for citation in answer.citations})
    reason = "differ" if answer.other is not None else f"articles.{plural_category(articles)}"
    said = translate(f"page.sure.{level}", language)
    told = said if level == "own" else f"{said}: {translate(f'page.sure.{reason}', language, count=articles)}"
    meaning = translate(f"page.sure.{level}_means", language)
    return f'<details class="sureness"><summary>{escape(told)}</summary><p>{escape(meaning)}</p></details>'
