"""What the page says before anything is asked, in the visitor's language."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import cookie_parser

from index.articles import Language
from index.text.language import language_of
from ui.spoken import plural, spoken_date
from ui.strings import say
from ui.web.safe import clean, in_language
from ui.web.site import Overview

CHOSEN = "jawab_language"
"""The cookie in which the page keeps the language that was chosen on it."""


def page_language(headers: Mapping[str, str]) -> Language:
    """The language that was chosen on the page; else Arabic if the browser puts it before English, else English."""
    chosen = cookie_parser(headers.get("cookie", "")).get(CHOSEN)
    if chosen in ("ar", "en"):
        return "ar" if chosen == "ar" else "en"
    accepted = headers.get("accept-language", "")
    for weight, tag in sorted(map(_weighted, accepted.split(",")), key=lambda pair: -pair[0]):
        if weight > 0 and tag in ("ar", "en"):
            return "ar" if tag == "ar" else "en"
    return "en"


def _weighted(part: str) -> tuple[float, str]:
    tag, _, weight = part.partition(";")
    try:
        return (float(weight.strip().removeprefix("q=")) if weight else 1.0), tag.strip().lower()[:2]
    except ValueError:
        return 0.0, ""


def example_texts(overview: Overview, language: Language, most: int) -> list[str]:
    """Examples in the page's language first."""
    return sorted(overview.examples[:most], key=lambda question: language_of(question) != language)


def masthead_html(language: Language) -> str:
    """The name of the program, and the button that opens the list of conversations where there is no room for it."""
    # `static/page.js` copies this language to the document, which turns the page's direction.
    menu = clean(say("page.menu", language))
    return (
        f'<header data-language="{language}"><button type="button" id="menu" aria-controls="side" aria-expanded="false"'
        f' aria-label="{menu}" title="{menu}"></button>{titled("h1", "page.title", language)}</header>'
    )


def opening_html(overview: Overview, language: Language) -> str:
    """What this is, and of what."""
    collection = f"<p {in_language(language)}>{clean(_collection(overview, language))}</p>"
    examples = titled("h3", "page.try_one", language) if overview.examples else ""
    return titled("p", "page.about", language) + collection + examples


def exports_html(language: Language) -> str:
    """The links that save a conversation; `static/side.js` fills in which one."""
    links = " ".join(
        f'<a data-kind="{kind}"{" target=_blank" if kind == "html" else " download"}>'
        f"{clean(say(f'page.export_{kind}', language))}</a>"
        for kind in ("md", "docx", "html")
    )
    return f"<p {in_language(language)}>{clean(say('page.export', language))} {links}</p>"


def _collection(overview: Overview, language: Language) -> str:
    """How many articles, from when to when, in which languages: one sentence."""
    articles = say(f"page.articles.{plural(overview.articles)}", language, count=overview.articles)
    if not overview.articles:
        return articles
    spoken = overview.languages[0] if len(overview.languages) == 1 else "both"
    fields = {"articles": articles, "languages": say(f"page.languages.{spoken}", language)}
    if not (overview.first and overview.last):
        return say("page.collection", language, **fields)
    first, last = spoken_date(overview.first, language), spoken_date(overview.last, language)
    key = "page.collection_one_day" if first == last else "page.collection_dated"
    return say(key, language, **fields, first=first, last=last)


def titled(tag: str, key: str, language: Language) -> str:
    """A text of the program as an element in its language."""
    return f"<{tag} {in_language(language)}>{clean(say(key, language))}</{tag}>"
