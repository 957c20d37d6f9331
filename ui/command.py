"""Helpers shared by all commands: the `--index` option and the configured `App`."""

from __future__ import annotations

from pathlib import Path

import click

from ui.app import App
from ui.settings import load_settings

# Accepted after the command too: `jawab ask --index DIR "…"`.
index_option = click.option("--index", type=click.Path(path_type=Path), help="Folder of the index.")


def app_of(index: Path | None = None) -> App:
    """Return the `App` for the index given after the command, or else before it. Raises `SettingInvalid`."""
    chosen = index or click.get_current_context().obj["index"]
    settings = load_settings(index=chosen)
    settings.close_data_folder()
    return App(settings)
