"""The parts that all commands share: the program as the command line and the environment set it up."""

from __future__ import annotations

from pathlib import Path

import click

from ui.app import App
from ui.settings import load_settings

# Taken after the command too: `jawab ask --index DIR "…"`.
index_option = click.option("--index", type=click.Path(path_type=Path), help="Folder of the index.")


def app_of(index: Path | None = None) -> App:
    """The program with the index that the command names, or that was named before it. Raises `SettingInvalid`."""
    chosen = index or click.get_current_context().obj["index"]
    settings = load_settings(index=chosen)
    settings.close_data_folder()
    return App(settings)
