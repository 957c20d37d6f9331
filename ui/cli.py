"""The command line: each command calls the parts and prints the result; errors are printed as one sentence."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from index.articles import Language
from index.dates.beginnings import DateInvalid, parse_date_prefix
from index.errors import JawabError
from index.text.language import is_arabic_letter
from ui import output
from ui.app import App
from ui.backup.commands import backup, export, restore
from ui.command import app_of, index_option
from ui.i18n import error_message, explain_missing_llm, translate, user_language
from ui.terminal import echo

if TYPE_CHECKING:
    from qa.assistant import Assistant
    from qa.query.followup import HistoryTurn
    from ui.auth.api_keys import Scope

EXIT_PROBLEM = 1
EXIT_STOPPED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--index", type=click.Path(path_type=Path), help="Folder of the index (or JAWAB_INDEX).")
@click.option("--debug", is_flag=True, help="Show where in the program an error came from.")
@click.version_option(package_name="jawab")
@click.pass_context
def jawab(context: click.Context, index: Path | None, debug: bool) -> None:
    """Jawab answers questions in Arabic or English about a collection of articles, and quotes them.

    \b
    A first session:
        jawab models fetch
        jawab index FOLDER-OF-ARTICLES
        jawab ask "How many US troops remain in Iraq?"
    """
    context.ensure_object(dict)["debug"] = debug
    context.obj["index"] = index


def _load_aside(assistant: Assistant, language: Language) -> None:
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
    if app.llm_problem:
        echo(explain_missing_llm(app.llm_problem, user_language()), err=True)
    return assistant


@jawab.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@index_option
def index(paths: Sequence[Path], index: Path | None) -> None:
    """Add or update articles from files and folders.

    \b
    Example:
        jawab index ~/articles report.html
    """
    from index.indexer import update_index

    app = app_of(index)
    language = user_language()
    with output.IndexingBar(language) as bar:
        summary = update_index(app.settings.index, paths, app.embedder, bar)
    output.summary(summary, language)
    if not (summary.added or summary.updated or summary.unchanged or summary.removed):
        sys.exit(EXIT_PROBLEM)


@jawab.command()
@click.argument("question")
@click.option("--json", "as_json", is_flag=True, help="Print the answer record.")
@click.option("--stream", is_flag=True, help="Show passages and words as they come; with --json, one event a line.")
@click.option("--no-llm", is_flag=True, help="Answer with phrase and quotation alone, without the language model.")
@index_option
def ask(question: str, as_json: bool, stream: bool, no_llm: bool, index: Path | None) -> None:
    """Answer a question, with the sentences that the answer rests on.

    \b
    Example:
        jawab ask "متى عقدت الجولة الأولى للحوار الاستراتيجي؟"
    """
    from qa.query.question import validate_question

    assistant = _assistant(app_of(index), no_llm)
    _load_aside(assistant, validate_question(question))
    if stream:
        output.stream(assistant.stream(question), as_json)
        return
    answer = assistant.ask(question)
    echo(output.as_json(answer.to_json()) if as_json else output.answer(answer))


def _day(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Parse a year, month or day, in the digits of any script."""
    if value is None:
        return None
    try:
        return parse_date_prefix(value)
    except DateInvalid:
        raise click.BadParameter(translate("search.bad_date", user_language()), context, parameter) from None


@jawab.command()
@click.argument("question")
@click.option("-k", "count", default=10, show_default=True, type=click.IntRange(1, 1000), help="How many passages.")
@click.option(
    "--since", metavar="DATE", callback=_day, help="Only articles of this day or later (2021, 2021-04 or 2021-04-08)."
)
@click.option("--until", metavar="DATE", callback=_day, help="Only articles of this day or earlier.")
@click.option("--source", "sources", multiple=True, help="Only articles of this source; may be repeated.")
@click.option("--language", type=click.Choice(["ar", "en"]), help="Only passages in this language.")
@click.option("--article", "articles", multiple=True, metavar="ID", help="Only this article; may be repeated.")
@click.option("--stories", is_flag=True, help="One passage a story, with the other articles that tell it.")
@click.option("--json", "as_json", is_flag=True, help="Print the passages as JSON.")
@index_option
def search(
    question: str,
    count: int,
    since: str | None,
    until: str | None,
    sources: tuple[str, ...],
    language: Language | None,
    articles: tuple[str, ...],
    stories: bool,
    as_json: bool,
    index: Path | None,
) -> None:
    """Show the passages that fit a question best. A phrase in quotation marks must stand in them.

    \b
    Examples:
        jawab search "withdrawal of troops" -k 3
        jawab search 'القوات «عصائب أهل الحق»' --since 2021-04 --stories
    """
    from index.retrieval.filters import Filter
    from qa.assistant import found_passages
    from qa.query.question import validate_question

    asked_in = validate_question(question)
    only = Filter(since=since, until=until, sources=sources, language=language, articles=articles)
    hits = app_of(index).retriever.search(question, count, only, one_per_story=stories)
    passages = found_passages(hits)
    others = [[other.id for other in hit.others] for hit in hits]
    if as_json:
        told = [{"others": ids} if stories else {} for ids in others]
        rows = [output.plain(passage) | more for passage, more in zip(passages, told, strict=True)]
        echo(output.as_json({"question": question, "passages": rows}))
    else:
        echo(output.passages(passages, asked_in, others))


@jawab.command()
@index_option
def chat(index: Path | None) -> None:
    """Ask one question after another in the terminal; an empty line ends.

    \b
    Example:
        jawab chat
    """
    from qa.query.followup import record_history

    assistant = _assistant(app_of(index))
    language = user_language()
    _load_aside(assistant, language)
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
            echo(error_message(error, _language_of(question)))


@jawab.command()
@click.argument("questions", type=click.Path(path_type=Path))
@click.argument("answers", type=click.Path(path_type=Path))
@click.option("--no-llm", is_flag=True, help="Answer with phrase and quotation alone, without the language model.")
@index_option
def batch(questions: Path, answers: Path, no_llm: bool, index: Path | None) -> None:
    """Answer the questions of a JSONL file, one record a line; goes on where it stopped.

    \b
    Example:
        jawab batch questions.jsonl answers.jsonl
    """
    from qa.batch import answer_all, completed_ids, read_questions

    asked, broken = read_questions(questions)
    language = user_language()
    for line in broken:
        reason = translate(f"skipped.{line.reason}", language)
        echo(translate("batch.broken_line", language, path=questions, line=line.line, reason=reason), err=True)
    done = completed_ids(answers)
    with output.QuestionBar(len(asked), sum(question.id in done for question in asked), language) as bar:
        assistant = _assistant(app_of(index), no_llm)
        for _ in answer_all(assistant, asked, answers, lambda e, q: error_message(e, _language_of(q))):
            bar.advance()
    if broken:
        sys.exit(EXIT_PROBLEM)


@jawab.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@index_option
@click.pass_context
def articles(context: click.Context, as_json: bool, index: Path | None) -> None:
    """List the articles of the index, show one, or remove some.

    \b
    Examples:
        jawab articles
        jawab articles show tram-ar --json
        jawab articles remove tram-ar
    """
    from index.listing import list_articles
    from index.storage.catalog import Catalog

    context.obj["index"] = index or context.obj["index"]
    if context.invoked_subcommand:
        return
    found = list_articles(Catalog.open(app_of().settings.index))
    echo(output.as_json(found.to_json()) if as_json else output.articles(found, user_language()))


@articles.command(name="show")
@click.argument("article_id")
@click.option("--json", "as_json", is_flag=True, help="Print the article with its stored text as JSON.")
def show_article(article_id: str, as_json: bool) -> None:
    """Show one article.

    \b
    Example:
        jawab articles show tram-ar
    """
    from index.storage.catalog import Catalog

    article = Catalog.open(app_of().settings.index).article(article_id)
    echo(output.as_json(output.plain(article)) if as_json else output.article(article))


@articles.command(name="remove")
@click.argument("article_ids", nargs=-1, required=True)
def remove_articles(article_ids: Sequence[str]) -> None:
    """Take articles out of the index; their files are not touched, but for uploaded ones.

    \b
    Example:
        jawab articles remove tram-ar tram-plan-en
    """
    from index.indexer import remove_articles
    from ui.uploaded import UploadedFiles

    settings = app_of().settings
    UploadedFiles.of(settings).delete_vacated(remove_articles(settings.index, article_ids))
    echo(translate("articles.removed", user_language(), count=len(set(article_ids))))


@jawab.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@index_option
def serve(host: str, port: int, index: Path | None) -> None:
    """Serve the browser chat and the API.

    \b
    Example:
        jawab serve --port 8080
    """
    from ui.web.serve import serve

    serve(app_of(index), host, port, user_language())


@jawab.command(name="mcp")
@index_option
def tools(index: Path | None) -> None:
    """Serve the tools ask, search and read_article over the Model Context Protocol (standard input and output).

    \b
    Example, in the settings of a program that uses tools:
        {"mcpServers": {"jawab": {"command": "jawab", "args": ["mcp"]}}}
    """
    from ui.mcp.stdio import run

    run(app_of(index), user_language())


@jawab.group()
def keys() -> None:
    """Make, list and revoke the keys with which programs come in, where jawab serve asks for one.

    \b
    Example:
        jawab keys add newsroom
    """


@keys.command(name="add")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(["read", "write", "admin"]), default=["read"],
    show_default=True, help="What it may do; may be repeated.",
)  # fmt: skip
@click.option("--per-minute", type=click.IntRange(1, 1_000_000), default=600, show_default=True, help="Requests.")
def add_key(name: str, scopes: tuple[Scope, ...], per_minute: int) -> None:
    """Make a key and print it, this once; only its hash is kept.

    \b
    Example:
        jawab keys add newsroom --scope read --scope write
    """
    from ui.auth.api_keys import APIKeyStore

    echo(APIKeyStore(app_of().settings.keys).add(name, scopes, per_minute))
    echo(translate("keys.added", user_language(), name=name), err=True)


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_keys(as_json: bool) -> None:
    """Show which keys there are and what they may do; not the keys themselves, which are not kept.

    \b
    Example:
        jawab keys list
    """
    from ui.auth.api_keys import APIKeyStore

    found = APIKeyStore(app_of().settings.keys).all()
    rows = [{name: value for name, value in output.plain(key).items() if name != "digest"} for key in found]
    echo(output.as_json({"keys": rows}) if as_json else output.keys(found, user_language()))


@keys.command(name="revoke")
@click.argument("name")
def revoke_key(name: str) -> None:
    """Make a key open nothing any more, at once, in a server that runs too.

    \b
    Example:
        jawab keys revoke newsroom
    """
    from ui.auth.api_keys import APIKeyStore

    APIKeyStore(app_of().settings.keys).revoke(name)
    echo(translate("keys.revoked", user_language(), name=name))


@jawab.group()
def models() -> None:
    """List, fetch or verify the models of models.txt."""


@models.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_models(as_json: bool) -> None:
    """Show which models there are, their licences, and which are here.

    \b
    Example:
        jawab models list
    """
    app = app_of()
    echo(output.models(app.models, app.store, user_language(), as_json))


@models.command(name="fetch")
@click.argument("names", nargs=-1)
def fetch_models(names: Sequence[str]) -> None:
    """Fetch the default models, or those named; goes on where it stopped.

    \b
    Example:
        jawab models fetch
    """
    from qa.fetching.fetch import fetch
    from qa.fetching.models import find_model

    app = app_of()
    language = user_language()
    chosen = [find_model(app.models, name) for name in names] or [m for m in app.models if m.default]
    with output.FetchBar(language) as bar:
        fetch(chosen, app.store, bar)
    echo(translate("models.ready", language, names=", ".join(model.name for model in chosen), folder=app.store.folder))


@models.command(name="verify")
@click.argument("names", nargs=-1)
def verify_models(names: Sequence[str]) -> None:
    """Read every byte of the models again and compare with models.txt.

    \b
    Example:
        jawab models verify
    """
    from qa.fetching.models import find_model

    app = app_of()
    language = user_language()
    chosen = [find_model(app.models, name) for name in names] or [m for m in app.models if m.default]
    with output.ByteBar(sum(model.size for model in chosen), translate("models.verifying", language)) as bar:
        for model in chosen:
            app.store.verify(model, bar.advance)
    echo(translate("models.verified", language, names=", ".join(model.name for model in chosen)))


@jawab.command(name="eval")
@click.argument("sets", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), help="Take a fixed random part of each set.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/results"), show_default=True)
@click.option("--work", type=click.Path(path_type=Path), help="Folder for indexes and answers of the sets.")
@click.option("--no-llm", is_flag=True, help="Without the language model: the reader's phrases alone.")
@click.option("--no-reader", is_flag=True, help="Without the reader: the language model's phrases alone.")
def evaluate(
    sets: Sequence[Path], limit: int | None, out: Path, work: Path | None, no_llm: bool, no_reader: bool
) -> None:
    """Measure answers on question sets; the figures are printed and saved as JSON, with a report to read.

    \b
    Example:
        jawab eval samples --limit 10
    """
    from ui.evaluation.evaluate import Ablation, evaluate_set

    app = app_of()
    for folder in sets:
        evaluate_set(app, folder, limit, out, work, user_language(), Ablation(no_llm, no_reader))


@jawab.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--collection", default="", help="Name or id of a collection made in the page; otherwise the first.")
@index_option
def judged(folder: Path, collection: str, index: Path | None) -> None:
    """Write the answers that were judged on the page as a question set for jawab eval.

    \b
    Example:
        jawab judged my-questions && jawab eval my-questions
    """
    from index.storage.catalog import Catalog
    from ui.collections import DEFAULT_ID, CollectionRepository, find_named
    from ui.evaluation.feedback_export import write_set
    from ui.web.conversations.repository import ConversationRepository

    settings = app_of(index).settings
    folders = CollectionRepository(settings.index, settings.collections)
    named = find_named(folders.all(), collection)
    store = ConversationRepository(settings.conversations)
    answers = [one for one in store.judged() if (one.collection or DEFAULT_ID) == named.id]
    catalog = Catalog.open(folders.index_of(named.id))
    written = write_set(answers, catalog, folder)
    echo(translate("judged.written", user_language(), questions=written.questions, wrong=written.wrong, folder=folder))


@jawab.command()
@click.option("--repair", is_flag=True, help="Make a damaged index whole again from what of it can still be read.")
@index_option
def doctor(repair: bool, index: Path | None) -> None:
    """Check what is installed, present and working, and say what to do about what is not.

    \b
    Example:
        jawab doctor
    """
    from ui.doctor import run_checks

    app, language = app_of(index), user_language()
    if repair:
        from index.recovery import repair as make_whole

        with output.IndexingBar(language) as bar:
            output.repaired(make_whole(app.settings.index, app.embedder, bar), language)
    findings = run_checks(app)
    echo(output.findings(findings, language))
    if not all(finding.well for finding in findings):
        sys.exit(EXIT_PROBLEM)


for _command in (backup, restore, export):
    jawab.add_command(_command)


def _language_of(question: str) -> Language:
    """Return the language for messages about a question: Arabic if it has Arabic letters, else the user's."""
    return "ar" if any(map(is_arabic_letter, question)) else user_language()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command. A `JawabError` becomes one sentence on standard error and exit code 1."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        jawab.main(words, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        echo("\n" + translate("cli.stopped", user_language()), err=True)
        sys.exit(EXIT_STOPPED)
    except BrokenPipeError:
        # The process that reads our output (head, less) has closed the pipe.
        sys.stdout = None
        sys.exit(EXIT_PROBLEM)
    except JawabError as error:
        if "--debug" in words:
            raise
        echo(error_message(error, _language_of(" ".join(words))), err=True)
        sys.exit(EXIT_PROBLEM)
