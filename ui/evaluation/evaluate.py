"""`jawab eval`: index a question set, answer its questions, print and save the figures, and write a report.

Saved figures contain no texts: texts are only in the set's work folder, with the answers and the report.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import platformdirs

from index.articles import Language
from index.indexer import update_index
from index.retriever import Retriever
from index.storage.catalog import Catalog
from index.storage.database import storage_errors
from qa.assistant import Assistant
from qa.batch import BatchQuestion, answer_all
from qa.evaluation.metrics import Figures, score
from qa.evaluation.question_set import SEED, QuestionSet, read_set
from ui import output
from ui.app import App
from ui.evaluation.history import Run, append_run, read_runs
from ui.evaluation.report import Measured, figures_of_confidence, report_html
from ui.i18n import error_message, translate
from ui.terminal import echo


@dataclass(frozen=True)
class Ablation:
    """Parts that are left out, to measure what they contribute."""

    llm: bool = False
    reader: bool = False

    @property
    def parts(self) -> list[str]:
        return ["llm"] * self.llm + ["reader"] * self.reader

    @property
    def suffix(self) -> str:
        return "".join(f"-no-{part}" for part in self.parts)


def evaluate_set(
    app: App, folder: Path, limit: int | None, out: Path, work: Path | None, language: Language, without: Ablation
) -> Figures:
    """Evaluate one set; print and save its figures under `out`. Index, answers and report are written to `work`."""
    questions = read_set(folder)
    place = (work or platformdirs.user_cache_path("jawab") / "eval") / questions.name
    with output.IndexingBar(language) as bar:
        update_index(place / "index", [questions.articles], app.components.embedder, bar)
    records = _answer(app, questions, limit, place, language, without)
    chosen = questions.sample(limit)
    catalog = Catalog.open(place / "index")
    texts = {article.id: article.text for article in catalog.articles()}
    figures = score(chosen, records, texts) | figures_of_confidence(chosen, records)
    click.echo(translate("eval.heading", language, name=questions.name, count=len(chosen)))
    width = max(map(len, figures))
    click.echo("\n".join(f"{name:<{width}}  {value}" for name, value in figures.items()))
    run = _run(app, limit, figures, without)
    saved = _save(questions, run, out, without)
    report = _report(Measured(questions.name, chosen, records, texts, run), place, language)
    click.echo(translate("eval.saved", language, path=saved, answers=place / "answers.jsonl", report=report))
    return figures


def _answer(
    app: App, questions: QuestionSet, limit: int | None, place: Path, language: Language, without: Ablation
) -> dict[str, dict[str, Any]]:
    generator, reader = None if without.llm else app.components.llm, None if without.reader else app.components.reader
    assistant = Assistant(
        Retriever(place / "index", app.components.embedder),
        generator,
        reader,
        app.components.options,
        app.components.injection_classifier,
    )
    # A server loads models and evaluates the prompt head at startup, so this is not part of a question's time.
    assistant.prepare_reading()
    for asked_in in sorted({question["lang"] for question in questions.questions}):
        assistant.prepare(asked_in)
    # Answers of an earlier run may come from another version; each run measures the current one.
    answers = place / "answers.jsonl"
    answers.unlink(missing_ok=True)
    asked = [BatchQuestion(question["id"], question["question"]) for question in questions.sample(limit)]
    records = {}
    with output.QuestionBar(len(asked), 0, language) as bar:
        for record in answer_all(assistant, asked, answers, lambda error, _: error_message(error, language)):
            records[record["id"]] = record
            bar.advance()
    return records


def _report(measured: Measured, place: Path, language: Language) -> Path:
    """Write the report with the figures of earlier runs, and append those of this run for the next one."""
    runs = place / "runs.jsonl"
    earlier = read_runs(runs)
    for line in earlier.damaged:
        echo(translate("eval.broken_run", language, path=runs, line=line), err=True)
    path = place / "report.html"
    page = report_html(replace(measured, earlier=earlier), language)
    with storage_errors(place):
        path.write_text(page, encoding="utf-8", errors="replace")
    append_run(runs, measured.run)
    return path


def _run(app: App, limit: int | None, figures: Figures, without: Ablation) -> Run:
    return Run(
        measured=datetime.now(UTC).replace(microsecond=0),
        limit=limit,
        without=" ".join(without.parts),
        models=_models(app, without),
        settings={
            "reading_tokens": app.config.answering.reading_tokens,
            "evidence_tokens": app.config.answering.evidence_tokens,
            "threshold": app.config.answering.threshold,
        },
        figures=figures,
    )


def _save(questions: QuestionSet, run: Run, out: Path, without: Ablation) -> Path:
    result = {
        "set": questions.name,
        "limit": run.limit,
        "seed": SEED if run.limit else None,
        "measured": run.measured.isoformat(),
        "models": run.models,
        "settings": run.settings,
        "machine": f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}",
        "figures": run.figures,
    }
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{questions.name.replace('/', '-')}{f'-{run.limit}' if run.limit else ''}{without.suffix}.json"
        path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _models(app: App, without: Ablation) -> dict[str, str]:
    parts = {
        "embedder": app.components.embedder,
        "reader": None if without.reader else app.components.reader,
        "generator": None if without.llm else app.components.llm,
    }
    return {role: part.name for role, part in parts.items() if part}
