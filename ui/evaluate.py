"""`jawab eval`: index a question set, answer its questions, print and save the figures. Figures are kept, not texts."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import platformdirs

from index.articles import Language
from index.build import update
from index.search import Searcher
from index.storage.catalog import Catalog
from index.storage.database import storage_errors
from qa.assistant import Assistant
from qa.batch import Asked, answer_all
from qa.evaluate import SEED, QuestionSet, read_set
from qa.metrics import Figures, score
from ui import show
from ui.app import App
from ui.strings import explain, say


@dataclass(frozen=True)
class Without:
    """Parts that are left out, to see what they are worth."""

    llm: bool = False
    reader: bool = False

    @property
    def suffix(self) -> str:
        return ("-no-llm" if self.llm else "") + ("-no-reader" if self.reader else "")


def evaluate_set(
    app: App, folder: Path, limit: int | None, out: Path, work: Path | None, language: Language, without: Without
) -> Figures:
    """The figures of one set, printed and saved under `out`; indexes and answers are kept in `work`."""
    questions = read_set(folder)
    place = (work or platformdirs.user_cache_path("jawab") / "eval") / questions.name
    with show.IndexingBar(language) as bar:
        update(place / "index", [questions.articles], app.embedder, bar)
    records = _answer(app, questions, limit, place, language, without)
    chosen = questions.sample(limit)
    catalog = Catalog.open(place / "index")
    figures = score(chosen, records, {article.id: article.text for article in catalog.articles()})
    click.echo(say("eval.heading", language, name=questions.name, count=len(chosen)))
    width = max(map(len, figures))
    click.echo("\n".join(f"{name:<{width}}  {value}" for name, value in figures.items()))
    saved = _save(app, questions, limit, figures, out, without)
    click.echo(say("eval.saved", language, path=saved, answers=place / "answers.jsonl"))
    return figures


def _answer(
    app: App, questions: QuestionSet, limit: int | None, place: Path, language: Language, without: Without
) -> dict[str, dict[str, Any]]:
    generator, reader = None if without.llm else app.llm, None if without.reader else app.reader
    assistant = Assistant(Searcher(place / "index", app.embedder), generator, reader, app.options)
    # Models are loaded and the head of the prompt is read when a server starts: that is no part of a question's time.
    assistant.prepare_reading()
    for asked_in in sorted({question["lang"] for question in questions.questions}):
        assistant.prepare(asked_in)
    # Answers of an earlier run may be another program's; each run measures the program as it is.
    answers = place / "answers.jsonl"
    answers.unlink(missing_ok=True)
    asked = [Asked(question["id"], question["question"]) for question in questions.sample(limit)]
    records = {}
    with show.QuestionBar(len(asked), 0, language) as bar:
        for record in answer_all(assistant, asked, answers, lambda error, _: explain(error, language)):
            records[record["id"]] = record
            bar.advance()
    return records


def _save(app: App, questions: QuestionSet, limit: int | None, figures: Figures, out: Path, without: Without) -> Path:
    result = {
        "set": questions.name,
        "limit": limit,
        "seed": SEED if limit else None,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": _models(app, without),
        "settings": {
            "reading_tokens": app.settings.reading_tokens,
            "evidence_tokens": app.settings.evidence_tokens,
            "threshold": app.settings.threshold,
        },
        "machine": f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}",
        "figures": figures,
    }
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{questions.name.replace('/', '-')}{f'-{limit}' if limit else ''}{without.suffix}.json"
        path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _models(app: App, without: Without) -> dict[str, str]:
    parts = {
        "embedder": app.embedder,
        "reader": None if without.reader else app.reader,
        "generator": None if without.llm else app.llm,
    }
    return {role: part.name for role, part in parts.items() if part}
