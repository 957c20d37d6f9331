"""Countries of a text, with their adjectives, in Arabic and English: a Syrian spokesman is not an Iraqi one.

An adjective is no name that a tagger would find, and a country is translated, not transliterated: so they are listed.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from index.text.folding import fold_text

_SUFFIX = r"(?:n|an|ian|ese|i|is|s|ns|ans|ians|a|y|ish)?"
_ARABIC_SUFFIX = r"(?:ا|ه|ي|يا|يه|يين|يون|يات|ات|و|ويه|وي)?"


def countries_in(text: str) -> frozenset[str]:
    """Return the countries that a text mentions, by their English names."""
    folded = fold_text(text)
    return frozenset(name for name, pattern in _patterns().items() if pattern.search(folded))


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    table = tomllib.loads(files("qa.query").joinpath("countries.toml").read_text(encoding="utf-8"))
    return {name: _pattern(fold_text("|".join(words)).split("|")) for name, words in table.items()}


def _pattern(words: list[str]) -> re.Pattern[str]:
    english = "|".join(word for word in words if word.isascii())
    arabic = "|".join(word.removeprefix("ال") for word in words if not word.isascii())
    return re.compile(
        rf"(?<!\w)(?:{english}){_SUFFIX}(?!\w)|(?<!\w)[وف]?(?:بال|لل|كال|ال|ب|ل|ك)?(?:{arabic}){_ARABIC_SUFFIX}(?!\w)"
    )
