"""Helpers shared by all commands: the `--index` option, the configured `App`, exit codes."""

from __future__ import annotations

from pathlib import Path

import click

from index.articles import Language
from index.text.language import is_arabic_letter
from ui.app import App
from ui.config import load_config
from ui.i18n import user_language

EXIT_PROBLEM = 1
EXIT_STOPPED = 130

# Accepted after the command too: `jawab ask --index DIR "…"`.
index_option = click.option("--index", type=click.Path(path_type=Path), help="Folder of the index.")


def app_of(index: Path | None = None) -> App:
    """Return the `App` for the index given after the command, or else before it. Raises `SettingInvalid`."""
    chosen = index or click.get_current_context().obj["index"]
    config = load_config(index=chosen)
    config.close_data_folder()
    return App(config)


def language_of(question: str) -> Language:
    """Return the language for messages about a question: Arabic if it has Arabic letters, else the user's."""
    return "ar" if any(map(is_arabic_letter, question)) else user_language()
