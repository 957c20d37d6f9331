"""Layout of the pages that are not Gradio's: head, list of conversations, article pane, masthead."""

from __future__ import annotations

from collections.abc import Sequence

from index.articles import Language
from ui.escaping import escape, in_language
from ui.http.language import titled
from ui.i18n import translate
from ui.web.article_view.article import pane_html

STYLES = ("fonts.css", "chat.css", "side.css", "reading.css")
SCRIPTS = ("page.js", "side.js", "reading.js")
"""Styles and scripts of every page."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Stricter than the chat's policy: these pages need none of Gradio's exceptions."""


def head_html(styles: Sequence[str] = STYLES, scripts: Sequence[str] = SCRIPTS) -> str:
    """Render the links to styles and scripts, all on this server."""
    return (
        "".join(f'<link rel="stylesheet" href="/page/{name}">' for name in styles)
        + "".join(f'<script src="/page/{name}" defer></script>' for name in scripts)
        + '<meta name="color-scheme" content="light dark"><meta name="referrer" content="same-origin">'
    )


def page_html(
    title: str, content: str, language: Language, frame: str, styles: Sequence[str], scripts: Sequence[str]
) -> str:  # fmt: skip
    """Render a complete page with `content` and the sidebar `frame`, both already escaped."""
    switch = escape(translate("page.other_language", language))
    return (
        f'<!doctype html><html {in_language(language)}><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"{head_html((*STYLES, *styles), (*SCRIPTS, *scripts))}</head><body>{frame}{pane_html(language)}"
        f'<div class="page"><div id="top"><div id="masthead">{masthead_html(language)}</div>'
        f'<button type="button" id="switch">{switch}</button></div>{content}</div></body></html>'
    )


def masthead_html(language: Language) -> str:
    """Render the program's name, and the button that opens the list of conversations on narrow screens."""
    # `static/page.js` copies this language to the document, which sets the page's direction.
    menu = escape(translate("page.menu", language))
    return (
        f'<header data-language="{language}"><button type="button" id="menu" aria-controls="side" aria-expanded="false"'
        f' aria-label="{menu}" title="{menu}"></button>{titled("h1", "page.title", language)}</header>'
    )
