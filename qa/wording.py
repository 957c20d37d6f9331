"""The sentence around a phrase: whether it may be shown, and how it is marked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.text.folding import fold_text
from index.text.language import language_of
from qa.citations import Located, numbers

_MARKER = re.compile(r"\s*\[\s*\d+\s*\]")
_FINAL = re.compile(r"[\s.؟?!،,;؛:]+$")


def holds(sentence: str, question: str, located: Located) -> bool:
    """Whether a sentence says no more than the quotation and the question do, as far as this can be seen.

    It must be in the question's language; where that is also the article's, it must contain the phrase; it must
    have the phrase's numbers, and no number that is not in the quotation or the question (٣ = 3).
    """
    said = _MARKER.sub("", sentence).strip()
    if not said or language_of(said) != language_of(question):
        return False
    quote = located.evidence.text
    if language_of(quote) == language_of(said) and not _contains(said, located.text):
        return False
    return _numbers(located.text) <= _numbers(said) <= _numbers(quote) | _numbers(question)


def phrase_alone(located: Located) -> str:
    """What is said when the LLM's sentence does not hold: the phrase, in the article's own words."""
    return " ".join(located.text.split())


def marked(sentence: str, markers: Sequence[int]) -> str:
    """The sentence with its markers before the full stop; markers that the LLM invented are taken out."""
    said = _FINAL.sub("", _MARKER.sub("", sentence).strip())
    return f"{said} {''.join(f'[{marker}]' for marker in markers)}."


def _contains(sentence: str, phrase: str) -> bool:
    """Whether every word of `phrase` is in `sentence`, clitics aside."""
    said = fold_text(sentence)
    return all(word.removeprefix("ال") in said for word in re.findall(r"\w+", fold_text(phrase)))


def _numbers(text: str) -> set[str]:
    return set(numbers(fold_text(text)))
