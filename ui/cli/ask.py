"""Commands that answer and search: `ask`, `search`, `chat`, `batch`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from index.articles import Language
from index.errors import JawabError
from qa.answer import Answer, Event, Finished
from ui import output
from ui.app import App
from ui.cli.command import EXIT_PROBLEM, app_of, index_option, language_of
from ui.cli.filters import filter_options
from ui.i18n import error_message, explain_missing_llm, translate, user_language
from ui.terminal import echo

if TYPE_CHECKING:
    from index.retrieval.filters import Filter
    from qa.assistant import Assistant
    from qa.query.followup import HistoryTurn


def _load_in_background(assistant: Assistant, language: Language) -> None:
    """Load the LLM in a thread, while the embedder is loaded. Errors are ignored here: answering raises them again."""

    def load() -> None:
        with suppress(JawabError):
            assistant.prepare(language)

    threading.Thread(target=load, daemon=True).start()


def _assistant(app: App, no_llm: bool = False) -> Assistant:
    """Return the assistant; print the reason if it has to run without its LLM."""
    if no_llm:
        return app.assistant_for(no_llm)
    assistant = app.assistant
    if app.components.llm_problem:
        echo(explain_missing_llm(app.components.llm_problem, user_language()), err=True)
    return assistant


def _print_left_out(record: Answer) -> None:
    """With `--debug`, print the sentences that were not read to standard error."""
    if click.get_current_context().obj["debug"]:
        for line in output.left_out(record):
            echo(line, err=True)


def _with_left_out(events: Iterator[Event]) -> Iterator[Event]:
    """Pass on events; once the record is printed, print what `_print_left_out` does."""
    for event in events:
        yield event
        if isinstance(event, Finished):
            _print_left_out(event.answer)


@click.command()
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Print the answer record.")
@click.option("--stream", is_flag=True, help="Show passages and words as they arrive; with --json, one event per line.")
@click.option("--no-llm", is_flag=True, help="Answer with phrase and quotation alone, without the language model.")
@filter_options
@index_option
def ask(question: str, as_json: bool, stream: bool, no_llm: bool, only: Filter, index: Path | None) -> None:
    """Answer a question, with the quotations that support the answer.

    \b
    Examples:
        jawab ask "متى عقدت الجولة الأولى للحوار الاستراتيجي؟"
        jawab ask "How many US troops remain in Iraq?" --since 2021-04 --language en
    """
    from qa.query.question import validate_question

    assistant = _assistant(app_of(index), no_llm)
    _load_in_background(assistant, validate_question(question))
    if stream:
        output.stream(_with_left_out(assistant.stream(question, only=only)), as_json)
        return
    answer = assistant.ask(question, only=only)
    echo(output.as_json(answer.to_json()) if as_json else output.answer(answer))
    _print_left_out(answer)


@click.command()
@click.argument("question")
@click.option("-k", "count", default=10, show_default=True, type=click.IntRange(1, 1000), help="How many passages.")
@filter_options
@click.option("--stories", is_flag=True, help="One passage per story, with its other articles.")
@click.option("--json", "as_json", is_flag=True, help="Print the passages as JSON.")
@index_option
def search(question: str, count: int, only: Filter, stories: bool, as_json: bool, index: Path | None) -> None:
    """Show the most relevant passages. A phrase in quotation marks must occur in them.

    \b
    Examples:
        jawab search "withdrawal of troops" -k 3
        jawab search 'القوات «عصائب أهل الحق»' --since 2021-04 --stories
    """
    from qa.query.question import validate_question
    from qa.question_context import found_passages

    question_language = validate_question(question)
    hits = app_of(index).retriever.search(question, count, only, one_per_story=stories)
    passages = found_passages(hits)
    others = [[story_article.id for story_article in hit.others] for hit in hits]
    if as_json:
        extras = [{"others": ids} if stories else {} for ids in others]
        rows = [output.plain(passage) | extra for passage, extra in zip(passages, extras, strict=True)]
        echo(output.as_json({"question": question, "passages": rows}))
    else:
        echo(output.passages(passages, question_language, others))


@click.command()
@index_option
def chat(index: Path | None) -> None:
    """Ask questions in the terminal, one after another; an empty line ends.

    \b
    Example:
        jawab chat
    """
    from qa.query.followup import record_history

    assistant = _assistant(app_of(index))
    language = user_language()
    _load_in_background(assistant, language)
    echo(translate("chat.welcome", language))
    history: list[HistoryTurn] = []
    while True:
        try:
            question = input("\n› ").strip()
        except EOFError:
            return
        if not question:
            return
        try:
            output.stream(record_history(assistant.stream(question, history=history), history), as_json=False)
        except KeyboardInterrupt:
            echo("\n" + translate("chat.stopped", language))
        except JawabError as error:
            echo(error_message(error, language_of(question)))


@click.command()
@click.argument("questions", type=click.Path(path_type=Path))
@click.argument("answers", type=click.Path(path_type=Path))
@click.option("--no-llm", is_flag=True, help="Answer with phrase and quotation alone, without the language model.")
@filter_options
@index_option
def batch(questions: Path, answers: Path, no_llm: bool, only: Filter, index: Path | None) -> None:
    """Answer the questions of a JSONL file, one record per line; resumes where it stopped.

    \b
    Example:
        jawab batch questions.jsonl answers.jsonl
    """
    from qa.batch import answer_all, completed_ids, read_questions

    batch_questions, invalid_lines = read_questions(questions)
    language = user_language()
    for line in invalid_lines:
        reason = translate(f"skipped.{line.reason}", language)
        echo(translate("batch.broken_line", language, path=questions, line=line.line, reason=reason), err=True)
    done = completed_ids(answers)
    with output.QuestionBar(
        len(batch_questions), sum(question.id in done for question in batch_questions), language
    ) as bar:
        assistant = _assistant(app_of(index), no_llm)
        for _ in answer_all(assistant, batch_questions, answers, lambda e, q: error_message(e, language_of(q)), only):
            bar.advance()
    if invalid_lines:
        sys.exit(EXIT_PROBLEM)
