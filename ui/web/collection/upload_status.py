"""HTML status of an upload: text and progress bar; at the end the counts, and the skipped files with reasons."""

from __future__ import annotations

from index.articles import Language
from index.planner import IndexingReport
from ui.escaping import escape, escape_sentence
from ui.i18n import error_message, translate
from ui.jobs.page_upload import PageUpload

_SHOWN = 100
"""Most skipped files that are listed."""
_MINUTE = 90
"""Seconds from which the remaining time is shown in minutes."""


def progress_html(bringing: PageUpload, language: Language) -> str:
    """Render the status, which replaces the previous one on the page."""
    bar = ""
    if bringing.state == "reading":
        done, of = (bringing.read, bringing.to_read) if bringing.to_read else (bringing.looked_at, bringing.to_look_at)
        bar = (
            f'<progress max="{max(of, 1)}" value="{done}" aria-label="{_text("bring.progress", language)}"></progress>'
        )
    unread = _unread(bringing, bringing.summary, language) if bringing.summary else ""
    again = " data-again" if bringing.can_be_read_again else ""
    said = escape_sentence(_said(bringing, language))
    return f'<div data-state="{bringing.state}"{again}><p>{said}</p>{bar}{unread}</div>'


def _text(key: str, language: Language) -> str:
    return escape(translate(f"page.{key}", language))


def _said(bringing: PageUpload, language: Language) -> str:
    if bringing.problem:
        said = error_message(bringing.problem, language)
        return f"{said} {translate('page.bring.still_here', language)}" if bringing.can_be_read_again else said
    match bringing.state:
        case "receiving":
            megabytes = f"{bringing.size / 1e6:.1f}"
            return translate("page.bring.receiving", language, files=bringing.files, megabytes=megabytes)
        case "reading" if bringing.busy:
            return translate("page.bring.busy", language)
        case "reading" if not bringing.to_read:
            return translate("page.bring.looking", language, looked=bringing.looked_at, of=bringing.to_look_at)
        case "reading":
            return _reading(bringing, language)
        case "done" if bringing.summary:
            return _done(bringing.summary, language)
    return translate("page.bring.stopped", language)


def _reading(bringing: PageUpload, language: Language) -> str:
    said = translate("page.bring.reading", language, read=bringing.read, of=bringing.to_read)
    left = bringing.seconds_left
    if left is None:
        return said
    unit, amount = ("seconds", left) if left < _MINUTE else ("minutes", left / 60)
    return f"{said} {translate(f'page.bring.{unit}_left', language, left=round(amount), rate=f'{bringing.rate:.1f}')}"


def _done(summary: IndexingReport, language: Language) -> str:
    counts = {"added": len(summary.added), "updated": len(summary.updated), "unchanged": summary.unchanged}
    return translate("page.bring.done", language, **counts, skipped=len(summary.skipped))


def _unread(bringing: PageUpload, summary: IndexingReport, language: Language) -> str:
    """Render the skipped files, each with its uploaded name and the reason."""
    if not summary.skipped:
        return ""
    rows = []
    for skipped in summary.skipped[:_SHOWN]:
        key = "index.skipped_line" if skipped.line else "index.skipped"
        brought_as = skipped.path.removeprefix(f"{bringing.folder}/").removeprefix(f"{bringing.folder.resolve()}/")
        path = "/".join(filter(None, (brought_as, skipped.member)))
        reason = translate(f"skipped.{skipped.reason}", language)
        rows.append(f"<li>{escape(translate(key, language, path=path, line=skipped.line, reason=reason))}</li>")
    more = len(summary.skipped) - len(rows)
    if more:
        rows.append(f"<li>{escape(translate('page.bring.more', language, count=more))}</li>")
    return f'<ul class="skipped">{"".join(rows)}</ul>'
