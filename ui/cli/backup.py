"""The commands backup, restore and export."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from ui import output
from ui.cli.command import app_of, index_option
from ui.config import current_short_name, variable
from ui.i18n import translate, user_language
from ui.terminal import echo


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--first-only", is_flag=True, help="The index alone: no other collections, no conversations.")
@index_option
def backup(file: Path, first_only: bool, index: Path | None) -> None:
    """Write everything that Jawab stores into one file, while a server runs too; keys and passwords are left out.

    \b
    Example:
        jawab backup jawab-2026-11-29.tar
    """
    from ui.backup.backup import back_up

    config, language = app_of(index).config, user_language()
    with output.ByteBar(0, translate("backup.writing", language)) as bar:
        result = back_up(config, file, bar.advance, first_only)
    articles = sum(collection.articles for collection in result.manifest.collections)
    echo(translate("backup.written", language, file=result.file, articles=articles, files=len(result.manifest.members)))
    if result.manifest.missing:
        echo(translate("backup.missing", language, count=len(result.manifest.missing)))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Rename what is in its places now, instead of stopping there.")
@index_option
def restore(file: Path, replace: bool, index: Path | None) -> None:
    """Put everything of a backup into the places of this machine; stop jawab serve before.

    \b
    Example:
        jawab restore jawab-2026-11-29.tar
    """
    from index.errors import PathNotFound
    from ui.backup.archive import reading
    from ui.backup.places import Places
    from ui.backup.restore import Restore
    from ui.jobs.claim import without_server

    app, language = app_of(index), user_language()
    if not file.is_file():
        raise PathNotFound(path=file)
    with reading(file) as archive, without_server(app.config.paths.uploads), output.IndexingBar(language) as embedding:
        total = sum(member.size for member in archive.manifest.members)
        with output.ByteBar(total, translate("backup.unpacking", language)) as bar:
            restored = Restore(archive, Places.of(app.config), lambda: app.components.embedder).run(
                replace, bar.advance, embedding
            )
    articles = sum(one.articles for one in restored.manifest.collections)
    echo(translate("backup.restored", language, articles=articles, made=restored.manifest.made))
    for path in restored.aside:
        echo(translate("backup.aside", language, path=path))
    for name, value in restored.settings.items():
        echo(translate("backup.setting", language, name=variable(current_short_name(name)), value=value))


@click.command()
@click.argument("articles", type=click.Path(path_type=Path))
@index_option
def export(articles: Path, index: Path | None) -> None:
    """Write all articles as JSON lines, which jawab index takes back, with the same ids, dates and texts.

    \b
    Example:
        jawab export articles.jsonl
    """
    from index.jsonl_export import export_articles
    from index.storage.catalog import Catalog

    with closing(Catalog.open(app_of(index).config.paths.index)) as catalog:
        files, count = export_articles(catalog, articles), catalog.count_articles()
    for file in files:
        echo(translate("export.written", user_language(), file=file))
    echo(translate("export.articles", user_language(), count=count))
