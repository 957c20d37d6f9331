"""Commands about articles: `index`, and `articles` with `show` and `remove`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ui import output
from ui.cli.command import EXIT_PROBLEM, app_of, index_option
from ui.i18n import translate, user_language
from ui.terminal import echo


@click.command()
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
        summary = update_index(app.config.paths.index, paths, app.components.embedder, bar)
    output.summary(summary, language)
    if not (summary.added or summary.updated or summary.unchanged or summary.removed):
        sys.exit(EXIT_PROBLEM)


@click.group(invoke_without_command=True)
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
    listing = list_articles(Catalog.open(app_of().config.paths.index))
    echo(output.as_json(listing.to_json()) if as_json else output.articles(listing, user_language()))


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

    article = Catalog.open(app_of().config.paths.index).article(article_id)
    echo(output.as_json(output.plain(article)) if as_json else output.article(article))


@articles.command(name="remove")
@click.argument("article_ids", nargs=-1, required=True)
def remove_articles(article_ids: Sequence[str]) -> None:
    """Remove articles from the index; their files are not touched, except uploaded ones.

    \b
    Example:
        jawab articles remove tram-ar tram-plan-en
    """
    from index.indexer import remove_articles
    from ui.jobs.uploaded_files import UploadedFiles

    config = app_of().config
    UploadedFiles.of(config).delete_vacated(remove_articles(config.paths.index, article_ids))
    echo(translate("articles.removed", user_language(), count=len(set(article_ids))))
