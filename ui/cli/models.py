"""Commands of models: `models list`, `models fetch`, `models verify`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from qa.fetching.models import Model, find_model
from ui import output
from ui.app import App
from ui.cli.command import app_of
from ui.i18n import translate, user_language
from ui.terminal import echo


@click.group()
def models() -> None:
    """List, download or verify the models of models.txt."""


@models.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_models(as_json: bool) -> None:
    """List the available models with their licences, and which are downloaded.

    \b
    Example:
        jawab models list
    """
    app = app_of()
    echo(output.models(app.components.models, app.components.store, user_language(), as_json))


@models.command(name="fetch")
@click.argument("names", nargs=-1)
def fetch_models(names: Sequence[str]) -> None:
    """Download the default models, or those named; resumes where it stopped.

    \b
    Example:
        jawab models fetch
    """
    from qa.fetching.fetch import fetch

    app = app_of()
    language = user_language()
    chosen = _chosen(app, names)
    with output.FetchBar(language) as bar:
        fetch(chosen, app.components.store, bar)
    echo(
        translate(
            "models.ready",
            language,
            names=", ".join(model.name for model in chosen),
            folder=app.components.store.folder,
        )
    )


@models.command(name="verify")
@click.argument("names", nargs=-1)
def verify_models(names: Sequence[str]) -> None:
    """Verify the checksums of the models against models.txt.

    \b
    Example:
        jawab models verify
    """
    app = app_of()
    language = user_language()
    chosen = _chosen(app, names)
    with output.ByteBar(sum(model.size for model in chosen), translate("models.verifying", language)) as bar:
        for model in chosen:
            app.components.store.verify(model, bar.advance)
    echo(translate("models.verified", language, names=", ".join(model.name for model in chosen)))


def _chosen(app: App, names: Sequence[str]) -> list[Model]:
    """Return the models with these names, or the default ones. Raises `ModelUnknown`."""
    models = app.components.models
    return [find_model(models, name) for name in names] or [model for model in models if model.default]
