"""Layout of the pages that are not Gradio's: head, list of conversations, article pane, masthead."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from index.articles import Language
from ui.templating import render
from ui.web.article_view.article import pane_html

STYLES = ("fonts.css", "chat.css", "sidebar.css", "article.css")
SCRIPTS = ("page.js", "sidebar.js", "article.js")
"""Styles and scripts of every page."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Stricter than the chat's policy: these pages need none of Gradio's exceptions."""


def head_html(styles: Sequence[str] = STYLES, scripts: Sequence[str] = SCRIPTS) -> str:
    """Render the links to styles and scripts, all on this server."""
    return render("layout/head.html", "en", styles=styles, scripts=scripts)


def page_html(
    title: str, content: str, language: Language, frame: str, styles: Sequence[str], scripts: Sequence[str]
) -> str:  # fmt: skip
    """Render a complete page with `content` and the sidebar `frame`, both already escaped."""
    parts = {"content": Markup(content), "frame": Markup(frame), "pane": Markup(pane_html(language))}
    links = {"styles": (*STYLES, *styles), "scripts": (*SCRIPTS, *scripts)}
    return render("layout/page.html", language, title=title, **parts, **links)


def masthead_html(language: Language) -> str:
    """Render the program's name, and the button that opens the list of conversations on narrow screens."""
    return render("layout/masthead.html", language)
