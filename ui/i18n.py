"""Messages of the program in Arabic and English; the texts are in `ui/texts/*.toml`.

`translate("error.index_missing", "ar", folder=…)` returns one sentence. `error_message(error, language)` returns the
sentence for an error of any layer: what happened and what to do.
"""

from __future__ import annotations

import locale
import os
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import PurePath

from index.articles import Language
from index.errors import JawabError
from qa.errors import ModelMissing
from ui.terminal import one_line


@cache
def texts(language: Language) -> dict[str, str]:
    """Return all texts of one language, nested keys joined with dots."""
    raw = files("ui").joinpath("texts", f"{language}.toml").read_text(encoding="utf-8")
    return dict(_flatten(tomllib.loads(raw), ""))


def _flatten(table: dict[str, object], prefix: str) -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            flat += _flatten(value, f"{prefix}{key}.")
        else:
            flat.append((prefix + key, str(value)))
    return flat


def translate(key: str, language: Language, **fields: object) -> str:
    """Return the text `key` with its `{fields}` filled in; strings and paths are escaped to stay on one line."""
    tidy = {
        name: one_line(str(field)) if isinstance(field, str | PurePath) else field for name, field in fields.items()
    }
    return texts(language)[key].format(**tidy)


def error_message(error: JawabError, language: Language) -> str:
    """Return the message for `error`: one sentence, and what to do about it."""
    return translate(f"error.{error.code}", language, **error.fields)


def explain_missing_llm(problem: JawabError, language: Language) -> str:
    """Return the reason why there is no LLM, and what to do about it."""
    if isinstance(problem, ModelMissing):
        return translate("cli.no_llm", language)
    return f"{error_message(problem, language)} {translate('cli.without_llm', language)}"


def user_language() -> Language:
    """Return the user's language: `JAWAB_LANG`, else the locale's, else English."""
    chosen = os.environ.get("JAWAB_LANG") or locale.getlocale()[0] or ""
    return "ar" if chosen.lower().startswith("ar") else "en"
