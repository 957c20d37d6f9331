"""Language of the page, and elements with translated text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query
from starlette.requests import cookie_parser

from index.articles import Language
from ui.escaping import escape, in_language
from ui.i18n import translate

PageLanguage = Annotated[Language, Query(alias="in")]
"""Query parameter `in`: the language of a requested part of the page."""
CHOSEN = "jawab_language"
"""Name of the cookie with the language selected on the page."""


def page_language(headers: Mapping[str, str]) -> Language:
    """Return the language selected on the page; else Arabic if the browser prefers it to English; else English."""
    chosen = cookie_parser(headers.get("cookie", "")).get(CHOSEN)
    if chosen in ("ar", "en"):
        return "ar" if chosen == "ar" else "en"
    accepted = headers.get("accept-language", "")
    for weight, tag in sorted(map(_tag_and_weight, accepted.split(",")), key=lambda pair: -pair[0]):
        if weight > 0 and tag in ("ar", "en"):
            return "ar" if tag == "ar" else "en"
    return "en"


def _tag_and_weight(part: str) -> tuple[float, str]:
    tag, _, weight = part.partition(";")
    try:
        return (float(weight.strip().removeprefix("q=")) if weight else 1.0), tag.strip().lower()[:2]
    except ValueError:
        return 0.0, ""


def titled(tag: str, key: str, language: Language, **fields: object) -> str:
    """Render a translated text as an element with its language and direction."""
    return f"<{tag} {in_language(language)}>{escape(translate(key, language, **fields))}</{tag}>"
