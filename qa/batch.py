"""Batch answering: questions from a file, one answer record a line; an interrupted run can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index.errors import JawabError, PathNotFound
from index.retrieval.filters import Filter
from index.storage.database import storage_errors
from qa.answer import Answer
from qa.assistant import Assistant
from qa.errors import QuestionEmpty, QuestionLanguage, QuestionTooLong


@dataclass(frozen=True)
class BatchQuestion:
    """A line of a question file."""

    id: str
    question: str


@dataclass(frozen=True)
class InvalidLine:
    """A line of a question file without a valid question."""

    line: int
    reason: str


def read_questions(path: Path) -> tuple[list[BatchQuestion], list[InvalidLine]]:
    """Read the questions of a JSONL file (`question`, optionally `id`), and the invalid lines."""
    if not path.is_file():
        raise PathNotFound(path=path)
    questions: list[BatchQuestion] = []
    invalid: list[InvalidLine] = []
    with storage_errors(path):
        lines = path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            parsed = _question(line, number)
            (questions if isinstance(parsed, BatchQuestion) else invalid).append(parsed)  # type: ignore[arg-type]
    return questions, invalid


def _question(line: str, number: int) -> BatchQuestion | InvalidLine:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return InvalidLine(number, "broken_json")
    if not isinstance(fields, dict) or not isinstance(fields.get("question"), str):
        return InvalidLine(number, "no_question_field")
    return BatchQuestion(str(fields.get("id", f"q-{number}")), fields["question"])


def completed_ids(answers: Path) -> set[str]:
    """Return the ids of the records in `answers`. An incomplete last line is removed from the file."""
    if not answers.is_file():
        return set()
    with storage_errors(answers.parent):
        data = answers.read_bytes()
        complete = data[: data.rfind(b"\n") + 1]
        if complete != data:
            with answers.open("r+b") as file:
                file.truncate(len(complete))
    return {json.loads(line)["id"] for line in complete.decode("utf-8").split("\n") if line.strip()}


def answer_all(
    assistant: Assistant,
    questions: list[BatchQuestion],
    answers: Path,
    explain: Callable[[JawabError, str], str],
    only: Filter | None = None,
) -> Iterator[dict[str, Any]]:
    """Answer the questions that have no record in `answers`, appending and yielding each record.

    `only` restricts the passages that the answers may come from.

    An invalid question (empty, too long, in another language) gets a declined record with the text of
    `explain(error, question)`: one question must not stop the rest.
    """
    done = completed_ids(answers)
    with storage_errors(answers.parent), answers.open("a", encoding="utf-8") as file:
        for entry in questions:
            if entry.id in done:
                continue
            try:
                record = assistant.ask(entry.question, entry.id, only=only)
            except (QuestionEmpty, QuestionTooLong, QuestionLanguage) as error:
                record = Answer.refused(entry.id, entry.question, explain(error, entry.question))
            file.write(json.dumps(record.to_json(), ensure_ascii=False) + "\n")
            file.flush()
            yield record.to_json()
