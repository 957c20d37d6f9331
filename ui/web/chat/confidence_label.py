"""Confidence label of an answer, with the measured share of such answers that were right."""

from __future__ import annotations

from typing import Literal

from qa.answer import Answer
from ui.dates_and_plurals import plural_category
from ui.i18n import translate
from ui.templating import render

SURE, LIKELY = 0.8, 0.5
"""Minimum confidences of the labels "sure" and "likely". docs/generation.md has the shares that were right."""

Level = Literal["sure", "likely", "look", "own"]


def level_of(answer: Answer) -> Level:
    """Return the label: `own` for verbatim sentences, of which only the selection can be wrong; `look`: check it."""
    if answer.short_answer is None:
        return "own"
    if answer.other is not None or answer.confidence < LIKELY:
        return "look"
    return "sure" if answer.confidence >= SURE else "likely"


def confidence_html(answer: Answer) -> str:
    """Render the label as `<details>`, with its explanation inside."""
    level = level_of(answer)
    language = answer.language
    articles = len({citation.article_id for citation in answer.citations})
    reason = "differ" if answer.other is not None else f"articles.{plural_category(articles)}"
    said = translate(f"page.confidence.{level}", language)
    told = said if level == "own" else f"{said}: {translate(f'page.confidence.{reason}', language, count=articles)}"
    meaning = translate(f"page.confidence.{level}_means", language)
    return render("chat/confidence.html", language, told=told, meaning=meaning)
