"""Polarity of a clause: whether it denies what it speaks of, or tells it as planned, feared or only possible.

Rules over the words of `polarity.toml`, in Arabic and English. "The council decided not to sell the mill" does not say
that it was sold, though it has every word of "When was the mill sold?".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from index.articles import Span
from index.text.folding import fold, fold_text
from index.text.words import normalize_tokens

_CLAUSE_END = re.compile(
    r"[,،;؛:.!?؟\n]|\s[–—-]\s|(?<!\w)(?:but|although|though|while|whereas|however|لكن|ولكن|لكنه|لكنها|بل|بينما"
    r"|غير ان|الا ان|فيما)(?!\w)"
)


@dataclass(frozen=True)
class Polarity:
    """`negated`: denied, refused or called off; `unreal`: in the future, planned, feared or only possible."""

    negated: bool
    unreal: bool


def polarity_of(text: str) -> Polarity:
    """Return the polarity of a clause, a question among them."""
    folded = fold_text(text)
    return Polarity(bool(_pattern("negated").search(folded)), bool(_pattern("unreal").search(folded)))


def polarity_at(sentence: str, span: Span, predicates: Iterable[str]) -> Polarity:
    """Return the polarity of what a sentence says at `span`, and of its clauses with one of `predicates` (stems)."""
    stems = frozenset(predicates)
    chosen = [
        sentence[clause.start : clause.end]
        for clause in clauses(sentence)
        if clause.overlaps(span) or stems & set(normalize_tokens(sentence[clause.start : clause.end]))
    ]
    return polarity_of(" ; ".join(chosen) or sentence)


def clauses(sentence: str) -> Iterator[Span]:
    """Yield the clauses of a sentence, as spans: split at commas and conjunctions that turn."""
    folded = fold(sentence)
    start = 0
    for mark in _CLAUSE_END.finditer(folded.text):
        if folded.text[start : mark.start()].strip():
            yield folded.to_original(start, mark.start())
        start = mark.start() if mark.group()[0].isalpha() else mark.end()
    if start < len(folded.text):
        yield folded.to_original(start, len(folded.text))


@cache
def _pattern(kind: Literal["negated", "unreal"]) -> re.Pattern[str]:
    table = tomllib.loads(files("qa").joinpath("polarity.toml").read_text(encoding="utf-8"))[kind]
    english, arabic = "|".join(table["english"]), "|".join(table["arabic"])
    # n't is the end of a word.
    ending = r"|n['’]t(?!\w)" if kind == "negated" else ""
    return re.compile(rf"(?<!\w)(?:{english})(?!\w){ending}|(?<!\w)[وف]?(?:{arabic})(?!\w)")
