"""Sidebar with the visitor's conversations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby

from index.articles import Language
from index.text.language import detect_language
from ui.conversations.repository import ConversationInfo
from ui.escaping import escape, in_language
from ui.i18n import translate


def frame_html(language: Language, switcher: str = "", logged_in: bool = False) -> str:
    """Render the sidebar around the list: new question, search field, undo of a deletion, help.

    `switcher` is the HTML of the list of collections; `logged_in` adds the logout button.
    """

    def text(key: str) -> str:
        return escape(translate(f"page.{key}", language))

    leave = (
        f'<form class="leave" method="post" action="/logout"><button>{text("gate.leave")}</button></form>'
        if logged_in
        else ""
    )
    sentences = "".join(f"<li>{text(f'helping.{number}')}</li>" for number in range(1, 7))
    return (
        f'<nav id="side" {in_language(language)} aria-label="{text("menu")}"'
        f' data-new-title="{text("new_title")}">{switcher}<a class="new" href="/">{text("new")}</a>'
        f'<a class="link" href="/articles">{text("shelf.link")}</a>'
        f'<input type="search" id="find" aria-label="{text("find")}" placeholder="{text("find")}" autocomplete="off">'
        f'<div id="kept"></div><p id="undo" role="status" hidden>{text("deleted")}'
        f' <button type="button">{text("undo")}</button></p>'
        f'<details class="help"><summary>{text("helping.title")}</summary><ol>{sentences}</ol></details>{leave}</nav>'
        f'<p id="server-gone" role="alert" {in_language(language)} hidden>'
        f"{text('server_gone')}</p>"
    )


def sidebar_html(kept: Sequence[ConversationInfo], current: str, wanted: str, today: date, language: Language) -> str:
    """Render the conversations by day ("today", "yesterday", "earlier"), `current` marked; or why there are none."""
    if not kept:
        nothing = translate("page.none_found" if wanted.strip() else "page.none_kept", language)
        return f'<p class="note">{escape(nothing)}</p>'
    days = groupby(kept, key=lambda one: _day(one, today))
    return "".join(_group(day, list(of_day), current, language) for day, of_day in days)


def _group(day: str, kept: Sequence[ConversationInfo], current: str, language: Language) -> str:
    rows = "".join(_row(one, current, language) for one in kept)
    return f"<h3>{escape(translate(f'page.{day}', language))}</h3><ul>{rows}</ul>"


def _day(kept: ConversationInfo, today: date) -> str:
    ago = (today - date.fromtimestamp(kept.changed)).days
    return "today" if ago <= 0 else "yesterday" if ago == 1 else "earlier"


def _row(kept: ConversationInfo, current: str, language: Language) -> str:
    own = detect_language(kept.title)
    here = ' aria-current="page"' if kept.id == current else ""
    buttons = "".join(_button(name, kept, language) for name in ("rename", "delete"))
    return (
        f'<li data-conversation="{escape(kept.id)}"><a href="/?c={escape(kept.id)}"{here} {in_language(own)}'
        f">{escape(kept.title)}</a>{buttons}</li>"
    )


def _button(name: str, kept: ConversationInfo, language: Language) -> str:
    label = escape(translate(f"page.{name}_this", language, title=kept.title))
    text = escape(translate(f"page.{name}", language))
    return f'<button type="button" class="{name}" aria-label="{label}" title="{text}"></button>'
