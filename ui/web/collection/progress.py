"""How far a bringing of articles has come, in words and as a bar; at its end what went in, and what did not and why."""

from __future__ import annotations

from index.articles import Language
from index.planner import IndexingReport
from ui.strings import explain, say
from ui.web.collection.bringing import Bringing
from ui.web.safe import clean, clean_sentence

_SHOWN = 100
"""Files that did not go in, named one by one."""
_MINUTE = 90
"""Seconds from which what is left is told in minutes."""


def progress_html(bringing: Bringing, language: Language) -> str:
    """The state, for the page to show in the place of the one before."""
    bar = ""
    if bringing.state == "reading":
        done, of = (bringing.read, bringing.to_read) if bringing.to_read else (bringing.looked_at, bringing.to_look_at)
        bar = (
            f'<progress max="{max(of, 1)}" value="{done}" aria-label="{_text("bring.progress", language)}"></progress>'
        )
    unread = _unread(bringing, bringing.summary, language) if bringing.summary else ""
    again = " data-again" if bringing.can_be_read_again else ""
    said = clean_sentence(_said(bringing, language))
    return f'<div data-state="{bringing.state}"{again}><p>{said}</p>{bar}{unread}</div>'


def _text(key: str, language: Language) -> str:
    return clean(say(f"page.{key}", language))


def _said(bringing: Bringing, language: Language) -> str:
    if bringing.problem:
        said = explain(bringing.problem, language)
        return f"{said} {say('page.bring.still_here', language)}" if bringing.can_be_read_again else said
    match bringing.state:
        case "receiving":
            megabytes = f"{bringing.size / 1e6:.1f}"
            return say("page.bring.receiving", language, files=bringing.files, megabytes=megabytes)
        case "reading" if bringing.busy:
            return say("page.bring.busy", language)
        case "reading" if not bringing.to_read:
            return say("page.bring.looking", language, looked=bringing.looked_at, of=bringing.to_look_at)
        case "reading":
            return _reading(bringing, language)
        case "done" if bringing.summary:
            return _done(bringing.summary, language)
    return say("page.bring.stopped", language)


def _reading(bringing: Bringing, language: Language) -> str:
    said = say("page.bring.reading", language, read=bringing.read, of=bringing.to_read)
    left = bringing.seconds_left
    if left is None:
        return said
    unit, amount = ("seconds", left) if left < _MINUTE else ("minutes", left / 60)
    return f"{said} {say(f'page.bring.{unit}_left', language, left=round(amount), rate=f'{bringing.rate:.1f}')}"


def _done(summary: IndexingReport, language: Language) -> str:
    counts = {"added": len(summary.added), "updated": len(summary.updated), "unchanged": summary.unchanged}
    return say("page.bring.done", language, **counts, skipped=len(summary.skipped))


def _unread(bringing: Bringing, summary: IndexingReport, language: Language) -> str:
    """What did not go in, each by the name that it was brought under, with its reason."""
    if not summary.skipped:
        return ""
    rows = []
    for skipped in summary.skipped[:_SHOWN]:
        key = "index.skipped_line" if skipped.line else "index.skipped"
        brought_as = skipped.path.removeprefix(f"{bringing.folder}/").removeprefix(f"{bringing.folder.resolve()}/")
        path = "/".join(filter(None, (brought_as, skipped.member)))
        reason = say(f"skipped.{skipped.reason}", language)
        rows.append(f"<li>{clean(say(key, language, path=path, line=skipped.line, reason=reason))}</li>")
    more = len(summary.skipped) - len(rows)
    if more:
        rows.append(f"<li>{clean(say('page.bring.more', language, count=more))}</li>")
    return f'<ul class="skipped">{"".join(rows)}</ul>'
