"""Polarity of a clause: whether it denies what it speaks of, or tells it as planned, feared or only possible.

Rules over the words of `polarity.toml`, in Arabic and English. "The council decided not to sell the mill" does not say
that it was sold, though it has every word of "When was the mill sold?".
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from index.text.folding import fold_text


@dataclass(frozen=True)
class Polarity:
    """`negated`: denied, refused or called off; `unreal`: in the future, planned, feared or only possible."""

    negated: bool
    unreal: bool


def polarity_of(text: str) -> Polarity:
    """Return the polarity of a clause, a question among them."""
    folded = fold_text(text)
    return Polarity(bool(_pattern("negated").search(folded)), bool(_pattern("unreal").search(folded)))


@cache
def _pattern(kind: Literal["negated", "unreal"]) -> re.Pattern[str]:
    table = tomllib.loads(files("qa").joinpath("polarity.toml").read_text(encoding="utf-8"))[kind]
    english, arabic = "|".join(table["english"]), "|".join(table["arabic"])
    # n't is the end of a word.
    ending = r"|n['’]t(?!\w)" if kind == "negated" else ""
    return re.compile(rf"(?<!\w)(?:{english})(?!\w){ending}|(?<!\w)[وف]?(?:{arabic})(?!\w)")
