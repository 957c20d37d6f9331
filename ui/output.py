"""Terminal output of records, articles and progress."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click
from tqdm import tqdm

from index.articles import Article, Language
from index.listing import CollectionListing
from index.planner import IndexingReport
from index.recovery import RecoveryReport
from qa.answer import Answer, Citation, Event, Finished, FoundPassage, PassagesFound, PhraseFound, Token
from qa.fetching.models import Model, ModelStore
from ui.config import Setting, variable
from ui.dates_and_plurals import format_date
from ui.doctor import Check
from ui.i18n import translate
from ui.terminal import echo, json_escaped, one_line

if TYPE_CHECKING:
    from ui.auth.api_keys import APIKey

_MAX_PASSAGE_LENGTH = 200


def as_json(value: object) -> str:
    return json_escaped(json.dumps(value, ensure_ascii=False, indent=2))


def plain(value: Any) -> dict[str, Any]:
    """Return a dataclass as JSON-ready values."""
    return dataclasses.asdict(value)


def answer(record: Answer) -> str:
    """Format the answer, then its quotations with titles; for a declined one, the closest passages."""
    lines = [record.answer]
    if record.citations:
        lines += ["", *(quotation(citation, record.language) for citation in record.citations)]
    if record.nearest:
        text, title = " ".join(record.nearest.text.split()), one_line(record.nearest.title)
        lines += ["", translate("ask.nearest", record.language, text=text, title=title)]
    if record.passages and not record.citations:
        lines += ["", translate("ask.closest", record.language), passages(record.passages[:3], record.language)]
    if record.asked:
        lines += ["", translate("ask.asked", record.language, question=record.asked)]
    return "\n".join(lines)


def left_out(record: Answer) -> list[str]:
    """Format the sentences that were not read, as they seem to command, each in one line."""
    return [
        translate("ask.left_out", record.language, text=" ".join(sentence.text.split()), title=sentence.title)
        for sentence in record.left_out or ()
    ]


def keys(api_keys: Sequence[APIKey], language: Language) -> str:
    """Format API keys, one a line, without the secret."""
    lines = (
        translate(
            "keys.line", language, name=key.name, scopes=", ".join(key.scopes), per_minute=key.per_minute,
            added=time.strftime("%Y-%m-%d", time.localtime(key.added)),
        )
        for key in api_keys
    )  # fmt: skip
    return "\n".join(lines) or translate("keys.none", language)


def quotation(citation: Citation, language: Language) -> str:
    """Format a quotation verbatim, with its source in the user's language."""
    quote = " ".join(citation.quote.split())
    marks = "«»" if citation.language == "ar" else "“”"
    from_title = translate("citation.from_title", language) if citation.field == "title" else None
    date = format_date(citation.date, language) if citation.date else None
    details = [citation.title, from_title, date, citation.source]
    return f"[{citation.marker}] {marks[0]}{quote}{marks[1]}\n    {one_line(' · '.join(filter(None, details)))}"


def passages(results: Sequence[FoundPassage], language: Language, others: Sequence[Sequence[str]] = ()) -> str:
    """Format titles and beginnings of passages, best first; with the ids of other articles of the same story."""
    if not results:
        return translate("search.nothing", language)
    lines = []
    for number, passage in enumerate(results, start=1):
        lines.append(one_line(f"{number}. {passage.title}  ({passage.score:.2f}, {passage.article_id})"))
        lines.append(f"   {_shortened(passage.text)}")
        if number <= len(others) and others[number - 1]:
            lines.append(f"   {translate('search.others', language, ids=', '.join(others[number - 1]))}")
    return "\n".join(lines)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_PASSAGE_LENGTH else line[:_MAX_PASSAGE_LENGTH].rsplit(" ", 1)[0] + " …"


def stream(events: Iterator[Event], as_json: bool) -> None:
    """Print events as they arrive, as JSON lines or as text."""
    (_stream_json if as_json else _stream_text)(events)


def _stream_json(events: Iterator[Event]) -> None:
    for event in events:
        match event:
            case PassagesFound(found):
                line: dict[str, Any] = {"event": "passages", "passages": [plain(passage) for passage in found]}
            case PhraseFound():
                continue  # not an event of the API; the record at the end has it
            case Token(text):
                line = {"event": "token", "text": text}
            case Finished(record):
                line = {"event": "answer", "answer": record.to_json()}
        echo(json_escaped(json.dumps(line, ensure_ascii=False)))


def _stream_text(events: Iterator[Event]) -> None:
    written = ""
    for event in events:
        match event:
            case PassagesFound(found):
                titles = dict.fromkeys(passage.title for passage in found[:3])
                click.echo(click.style(" · ".join(map(one_line, titles)), dim=True), err=True)
            case PhraseFound():
                pass
            case Token(text):
                written += text
                echo(text, nl=False)
            case Finished(record):
                # The LLM's own words were streamed; the record is verified and has citation markers. If it begins with
                # what was streamed, only the rest is printed.
                formatted = answer(record)
                if not written:
                    echo(formatted)
                elif formatted.startswith(written):
                    echo(formatted[len(written) :])
                else:
                    echo("\n\n" + formatted)


def summary(result: IndexingReport, language: Language) -> None:
    """Print the result of an indexing run; skipped files go to standard error, each with its reason."""
    counts = {
        "added": len(result.added),
        "updated": len(result.updated),
        "unchanged": result.unchanged,
        "removed": len(result.removed),
        "skipped": len(result.skipped),
    }
    echo(translate("index.summary", language, **counts))
    for skipped in result.skipped:
        key = "index.skipped_line" if skipped.line else "index.skipped"
        reason = translate(f"skipped.{skipped.reason}", language)
        path = "/".join(filter(None, (skipped.path, skipped.member)))
        echo("  " + translate(key, language, path=path, line=skipped.line, reason=reason), err=True)


def repaired(result: RecoveryReport, language: Language) -> None:
    """Print the result of a repair, with the articles that were lost."""
    echo(translate("doctor.repaired", language, articles=result.articles, embedded=result.embedded))
    echo("  " + translate("doctor.damaged_files", language, folder=result.damaged_files))
    for article_id in result.lost:
        echo("  " + translate("doctor.lost", language, article_id=article_id), err=True)


def articles(listing: CollectionListing, language: Language) -> str:
    """Format articles, one a line: id, date, language, title; copies of its text below; grouped by story."""
    width = max((len(article.id) for article in listing.articles), default=0)
    lines: list[str] = []
    for story in listing.stories:
        if len(story) > 1:
            lines.append(translate("articles.story", language, count=len(story)))
        indent = "  " if len(story) > 1 else ""
        for a in story:
            lines.append(one_line(f"{indent}{a.id:<{width}}  {a.date or '—':<10}  {a.language}  {a.title}"))
            for copy in listing.copies.get(a.id, ()):
                details = " · ".join(filter(None, (copy.id, copy.date, copy.source)))
                lines.append(f"{indent}  {translate('articles.copy', language, where=details)}")
    count = translate("articles.count", language, count=len(listing.articles))
    story_count = sum(len(story) > 1 for story in listing.stories)
    return "\n".join(
        [*lines, count, *([translate("articles.stories", language, count=story_count)] if story_count else [])]
    )


def article(shown: Article) -> str:
    """Format an article: its heading, then its stored text."""
    details = " · ".join(filter(None, [shown.date, shown.source, shown.author, shown.id]))
    return f"{one_line(shown.title)}\n{one_line(details)}\n\n{shown.text}"


def models(listed: Sequence[Model], store: ModelStore, language: Language, as_json_: bool) -> str:
    """Format the models of models.txt: role, licence, size, and whether each is present."""
    rows = [
        {
            "name": model.name,
            "role": model.role,
            "default": model.default,
            "licence": model.licence,
            "licence_url": model.licence_url,
            "bytes": model.size,
            "state": "present" if store.is_present(model) else "missing",
        }
        for model in listed
    ]
    if as_json_:
        return as_json(rows)
    lines = [
        f"{'*' if row['default'] else ' '} {row['name']:<34} {row['role']:<9} {_size(model.size):>7}  "
        f"{translate('models.' + str(row['state']), language)}  {row['licence']} ({row['licence_url']})"
        for row, model in zip(rows, listed, strict=True)
    ]
    return "\n".join([*lines, translate("models.legend", language)])


def _size(size: int) -> str:
    """Format bytes as GB or MB: sizes differ a thousandfold between our own files and an LLM."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def settings(shown: Iterable[Setting]) -> str:
    """Return settings with their environment variables, as text; secret values are not shown."""
    lines: list[str] = []
    section = ""
    for setting in shown:
        if setting.section != section:
            section = setting.section
            lines += ["", f"[{section}]"]
        value = "***" if setting.is_secret and setting.value else str(setting.value)
        lines.append(f"{setting.field} = {value or '-'}{'' if setting.is_set else '  (default)'}")
        lines.append(f"    {setting.description}: {variable(setting.name)}")
    return "\n".join(lines[1:])


def findings(checks: Sequence[Check], language: Language) -> str:
    """Format results of checks, one a line."""
    return "\n".join(f"{'✓' if finding.well else '✗'} {finding.text}" for finding in checks)


class _Bar:
    """Progress bar on standard error; disabled if that is not a terminal."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def _open(self, total: int, text: str, initial: int = 0, in_bytes: bool = False) -> None:
        unit: dict[str, Any] = {"unit": "B", "unit_scale": True} if in_bytes else {"unit": ""}
        self._bar = tqdm(total=total, desc=text, initial=initial, disable=None, **unit)

    def advance(self, amount: int = 1) -> None:
        if self._bar is not None:
            self._bar.update(amount)


class IndexingBar(_Bar):
    """Progress of indexing: files scanned, then passages embedded, with rate and time left."""

    def __init__(self, language: Language) -> None:
        super().__init__()
        self._language = language

    def looked(self, files: int, of: int) -> None:
        if self._bar is None:
            self._open(of, translate("index.looking", self._language))
        self.advance()

    def check(self) -> None:
        """Do nothing: Ctrl-C ends the run at any point."""

    def start(self, passages: int) -> None:
        if self._bar is not None:
            self._bar.close()
        self._open(passages, translate("index.embedding", self._language))


class QuestionBar(_Bar):
    """Progress of a batch, in questions."""

    def __init__(self, total: int, done: int, language: Language) -> None:
        super().__init__()
        self._open(total, translate("batch.answering", language), initial=done)


class ByteBar(_Bar):
    """Progress in bytes."""

    def __init__(self, total: int, text: str) -> None:
        super().__init__()
        self._open(total, text, in_bytes=True)


class FetchBar(_Bar):
    """Progress of fetching models: one bar for all; each model's licence is printed before it is fetched."""

    def __init__(self, language: Language) -> None:
        super().__init__()
        self._language = language

    def begin(self, total: int) -> None:
        self._open(total, translate("models.fetching", self._language), in_bytes=True)

    def announce(self, model: Model) -> None:
        text = translate(
            "models.licence", self._language, name=model.name, licence=model.licence, url=model.licence_url
        )
        tqdm.write(text)
        if model.notice:
            tqdm.write(model.notice)
