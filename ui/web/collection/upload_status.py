"""HTML status of an upload: text and progress bar; at the end the counts, and the skipped files with reasons."""

from __future__ import annotations

from copy import copy

from index.articles import Language
from index.planner import IndexingReport
from ui.i18n import error_message, translate
from ui.jobs.page_upload import PageUpload
from ui.templating import render

_SHOWN = 100
"""Most skipped files that are listed."""
_MINUTE = 90
"""Seconds from which the remaining time is shown in minutes."""


def progress_html(bringing: PageUpload, language: Language) -> str:
    """Render the status, which replaces the previous one on the page."""
    bringing = copy(bringing)  # The upload goes on in another thread; this is its state at one moment.
    done, of = (bringing.read, bringing.to_read) if bringing.to_read else (bringing.looked_at, bringing.to_look_at)
    return render(
        "collection/upload_status.html", language, upload=bringing, said=_said(bringing, language),
        done=done, of=max(of, 1), skipped=_skipped(bringing, language),
    )  # fmt: skip


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


def _skipped(bringing: PageUpload, language: Language) -> list[str]:
    """Return a line for each skipped file, with its uploaded name and the reason, and one for those not listed."""
    every = bringing.summary.skipped if bringing.summary else []
    lines = []
    for skipped in every[:_SHOWN]:
        key = "index.skipped_line" if skipped.line else "index.skipped"
        brought_as = skipped.path.removeprefix(f"{bringing.folder}/").removeprefix(f"{bringing.folder.resolve()}/")
        path = "/".join(filter(None, (brought_as, skipped.member)))
        reason = translate(f"skipped.{skipped.reason}", language)
        lines.append(translate(key, language, path=path, line=skipped.line, reason=reason))
    more = len(every) - len(lines)
    return [*lines, translate("page.bring.more", language, count=more)] if more else lines
