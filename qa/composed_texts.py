"""Texts of the answers that the program composes, from `prompts/composed.*.toml`."""

from __future__ import annotations

from functools import cache

from index.articles import Language
from qa.prompts import prompt_table


@cache
def texts(language: Language) -> dict[str, dict[str, str]]:
    """Return the texts in `language`, by the kind of answer and by name."""
    return prompt_table("composed", language)
