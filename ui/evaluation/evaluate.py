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
    app: App, folder: Path, limit: int | None, out: Path, work: Path | None, language: Language, ablation: Ablation
) -> Figures:
    """Evaluate one set; print and save its figures under `out`. Index, answers and report are written to `work`."""
    questions = read_set(folder)
    work_folder = (work or platformdirs.user_cache_path("jawab") / "eval") / questions.name
    with output.IndexingBar(language) as bar:
        update_index(work_folder / "index", [questions.articles], app.components.embedder, bar)
    records = _answer(app, questions, limit, work_folder, language, ablation)
    chosen = questions.sample(limit)
    catalog = Catalog.open(work_folder / "index")
    articles = {article.id: article for article in catalog.articles()}
    figures = score(chosen, records, articles) | figures_of_confidence(chosen, records)
    click.echo(translate("eval.heading", language, name=questions.name, count=len(chosen)))
    width = max(map(len, figures))
    click.echo("\n".join(f"{name:<{width}}  {value}" for name, value in figures.items()))
    run = _run(app, limit, figures, ablation)
    saved = _save(questions, run, out, ablation)
    report = _report(Measured(questions.name, chosen, records, articles, run), work_folder, language)
    click.echo(translate("eval.saved", language, path=saved, answers=work_folder / "answers.jsonl", report=report))
    return figures


def _answer(
    app: App, questions: QuestionSet, limit: int | None, work_folder: Path, language: Language, ablation: Ablation
) -> dict[str, dict[str, Any]]:
    components = app.components
    assistant = components.open_with(
        Assistant,
        Retriever(work_folder / "index", components.embedder),
        None if ablation.llm else components.llm,
        None if ablation.reader else components.reader,
    )
    # A server loads models and evaluates the prompt head at startup, so this is not part of a question's time.
    assistant.prepare_reading()
    for question_language in sorted({question["lang"] for question in questions.questions}):
        assistant.prepare(question_language)
    # Answers of an earlier run may come from another version; each run measures the current one.
    answers = work_folder / "answers.jsonl"
    answers.unlink(missing_ok=True)
    batch = [BatchQuestion(question["id"], question["question"]) for question in questions.sample(limit)]
    records = {}
    with output.QuestionBar(len(batch), 0, language) as bar:
        for record in answer_all(assistant, batch, answers, lambda error, _: error_message(error, language)):
            records[record["id"]] = record
            bar.advance()
    return records


def _report(measured: Measured, work_folder: Path, language: Language) -> Path:
    """Write the report with the figures of earlier runs, and append those of this run for the next one."""
    runs = work_folder / "runs.jsonl"
    earlier = read_runs(runs)
    for line in earlier.damaged:
        echo(translate("eval.broken_run", language, path=runs, line=line), err=True)
    path = work_folder / "report.html"
    page = report_html(replace(measured, earlier=earlier), language)
    with storage_errors(work_folder):
        path.write_text(page, encoding="utf-8", errors="replace")
    append_run(runs, measured.run)
    return path


def _run(app: App, limit: int | None, figures: Figures, ablation: Ablation) -> Run:
    return Run(
        measured=datetime.now(UTC).replace(microsecond=0),
        limit=limit,
        without=" ".join(ablation.parts),
        models=_models(app, ablation),
        settings={
            "reading_tokens": app.config.answering.reader_tokens,
            "evidence_tokens": app.config.answering.evidence_tokens,
            "threshold": app.config.answering.threshold,
        },
        figures=figures,
    )


def _save(questions: QuestionSet, run: Run, out: Path, ablation: Ablation) -> Path:
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
        path = out / f"{questions.name.replace('/', '-')}{f'-{run.limit}' if run.limit else ''}{ablation.suffix}.json"
        path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _models(app: App, ablation: Ablation) -> dict[str, str]:
    parts = {
        "embedder": app.components.embedder,
        "reader": None if ablation.reader else app.components.reader,
        "generator": None if ablation.llm else app.components.llm,
    }
    return {role: part.name for role, part in parts.items() if part}
