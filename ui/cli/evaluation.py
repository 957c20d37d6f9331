"""Commands that measure answers: `eval`, and `judged`, which makes a question set of feedback."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ui.cli.command import app_of, index_option
from ui.i18n import translate, user_language
from ui.terminal import echo


@click.command(name="eval")
@click.argument("sets", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--limit", type=click.IntRange(min=1), help="Number of questions of each set, a fixed random sample.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/results"), show_default=True)
@click.option("--work", type=click.Path(path_type=Path), help="Folder for indexes and answers of the sets.")
@click.option("--no-llm", is_flag=True, help="Without the LLM: the reader's phrases alone.")
@click.option("--no-reader", is_flag=True, help="Without the reader: the LLM's phrases alone.")
def evaluate(
    sets: Sequence[Path], limit: int | None, out: Path, work: Path | None, no_llm: bool, no_reader: bool
) -> None:
    """Evaluate answers on question sets; metrics are printed and saved as JSON, with an HTML report.

    \b
    Example:
        jawab eval samples --limit 10
    """
    from ui.evaluation.evaluate import Ablation, evaluate_set

    app = app_of()
    for folder in sets:
        evaluate_set(app, folder, limit, out, work, user_language(), Ablation(no_llm, no_reader))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--collection", default="", help="Name or id of a collection created on the page; by default the first.")
@index_option
def judged(folder: Path, collection: str, index: Path | None) -> None:
    """Write the answers that were rated on the page as a question set for jawab eval.

    \b
    Example:
        jawab judged my-questions && jawab eval my-questions
    """
    from index.storage.catalog import Catalog
    from ui.collections.repository import DEFAULT_ID, CollectionRepository, find_named
    from ui.conversations.repository import ConversationRepository
    from ui.evaluation.feedback_export import write_set

    config = app_of(index).config
    repository = CollectionRepository(config.paths.index, config.paths.collections)
    info = find_named(repository.all(), collection)
    store = ConversationRepository(config.paths.conversations)
    answers = [feedback for feedback in store.judged() if (feedback.collection or DEFAULT_ID) == info.id]
    catalog = Catalog.open(repository.index_of(info.id))
    written = write_set(answers, catalog, folder)
    echo(
        translate("feedback.written", user_language(), questions=written.questions, wrong=written.wrong, folder=folder)
    )
