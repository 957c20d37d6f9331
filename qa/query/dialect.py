"""Replace dialect question words with standard ones: شو is ما, فين is أين, قديش is كم."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from index.text.folding import Folded, fold, fold_text

_HEAD = re.compile(r"^\W*(?:طيب |يا ترى |بدي اعرف |عايز اعرف |ابغي اعرف )?")


def to_msa_question_words(question: str) -> str:
    """Return the question with the question words of standard Arabic; the rest is unchanged."""
    folded = fold(question)
    anywhere, head = _patterns()
    matches = list(anywhere.finditer(folded.text))
    start = _HEAD.match(folded.text)
    if start and (first := head.match(folded.text, start.end())):
        matches = [first, *(match for match in matches if match.start() >= first.end())]
    return _replace_matches(question, folded, matches)


def _replace_matches(question: str, folded: Folded, matches: list[re.Match[str]]) -> str:
    text, end = "", 0
    for match in matches:
        span = folded.to_original(*match.span())
        # "أية" is standard, but folds to the same as ايه.
        if "ة" in question[span.start : span.end]:
            continue
        text += question[end : span.start] + _replacements()[match.group()]
        end = span.end
    return text + question[end:]


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    table = _toml()
    return _alternation(table["anywhere"]), _alternation({**table["anywhere"], **table["head"]})


def _alternation(table: dict[str, str]) -> re.Pattern[str]:
    longest_first = sorted(map(fold_text, table), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


@cache
def _replacements() -> dict[str, str]:
    return {fold_text(word): standard for part in _toml().values() for word, standard in part.items()}


@cache
def _toml() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("qa.query").joinpath("dialect.toml").read_text(encoding="utf-8"))
