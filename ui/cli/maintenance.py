"""Commands of maintenance: `doctor`, and `config show`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ui import output
from ui.cli.command import EXIT_PROBLEM, app_of, index_option
from ui.i18n import user_language
from ui.terminal import echo


@click.command()
@click.option("--repair", is_flag=True, help="Rebuild a damaged index from what can still be read.")
@index_option
def doctor(repair: bool, index: Path | None) -> None:
    """Check the installation, the models and the index, and say how to fix what is wrong.

    \b
    Example:
        jawab doctor
    """
    from ui.doctor import run_checks

    app, language = app_of(index), user_language()
    if repair:
        from index.recovery import repair as repair_index

        with output.IndexingBar(language) as bar:
            output.repaired(repair_index(app.config.paths.index, app.components.embedder, bar), language)
    findings = run_checks(app)
    echo(output.findings(findings, language))
    if not all(finding.well for finding in findings):
        sys.exit(EXIT_PROBLEM)


@click.group(name="config")
def configuration() -> None:
    """Show the settings.

    \b
    Example:
        jawab config show
    """


@configuration.command(name="show")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show_configuration(as_json: bool) -> None:
    """Show every setting: its environment variable, its value, and whether it is set or the default.

    The same names, by section, can stand in a TOML file: that of JAWAB_CONFIG, or config.toml in the user's
    configuration folder.

    \b
    Example:
        jawab config show
    """
    config = app_of().config
    settings = list(config.settings())
    if not as_json:
        echo(output.settings(settings))
        return
    values = config.model_dump(mode="json")
    for setting in settings:
        if setting.is_secret:
            del values[setting.section][setting.field]
    echo(output.as_json(values))
