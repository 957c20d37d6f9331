"""The sentence around a phrase: whether it may be shown, and how it is marked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.checking.sentence import Grounds, faults
from qa.citations import Located

_MARKER = re.compile(r"\s*\[\s*\d+\s*\]")
_FINAL = re.compile(r"[\s.؟?!،,;؛:]+$")


def holds(sentence: str, question: str, located: Located) -> bool:
    """Whether a sentence says no more than the quotation and the question do, as far as this can be seen."""
    evidence = located.evidence
    grounds = Grounds(question, evidence.text, located.text, evidence.article.title)
    return not faults(_MARKER.sub("", sentence), grounds)


def phrase_alone(located: Located) -> str:
    """What is said when the LLM's sentence does not hold: the phrase, in the article's own words."""
    return " ".join(located.text.split())


def marked(sentence: str, markers: Sequence[int]) -> str:
    """The sentence with its markers before the full stop; markers that the LLM invented are taken out."""
    said = _FINAL.sub("", _MARKER.sub("", sentence).strip())
    return f"{said} {''.join(f'[{marker}]' for marker in markers)}."
