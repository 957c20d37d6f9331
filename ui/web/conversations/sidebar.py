"""Sidebar with the visitor's conversations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby

from markupsafe import Markup

from index.articles import Language
from ui.conversations.repository import ConversationInfo
from ui.templating import render


def frame_html(language: Language, switcher: str = "", logged_in: bool = False) -> str:
    """Render the sidebar around the list: new question, search field, undo of a deletion, help.

    `switcher` is the HTML of the list of collections; `logged_in` adds the logout button.
    """
    return render("layout/frame.html", language, switcher=Markup(switcher), logged_in=logged_in)


def sidebar_html(kept: Sequence[ConversationInfo], current: str, wanted: str, today: date, language: Language) -> str:
    """Render the conversations by day ("today", "yesterday", "earlier"), `current` marked; or why the list is empty."""
    days = groupby(kept, key=lambda one: _day(one, today))
    searched = bool(wanted.strip())
    return render("layout/conversations.html", language, days=days, current=current, searched=searched)


def _day(kept: ConversationInfo, today: date) -> str:
    ago = (today - date.fromtimestamp(kept.changed)).days
    return "today" if ago <= 0 else "yesterday" if ago == 1 else "earlier"
