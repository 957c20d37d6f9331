"""The sentence around a phrase: whether it may be shown, and how it is marked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.checking.sentence import Grounds, faults
from qa.citations import Located

_MARKER = re.compile(r"\s*\[\s*\d+\s*\]")
_EASTERN, _WESTERN = "٠١٢٣٤٥٦٧٨٩", "0123456789"
_EASTERN_DIGIT, _WESTERN_DIGIT = re.compile(f"[{_EASTERN}]"), re.compile(f"[{_WESTERN}]")
_TO_EASTERN, _TO_WESTERN = str.maketrans(_WESTERN, _EASTERN), str.maketrans(_EASTERN, _WESTERN)
_FINAL = re.compile(r"[\s.؟?!،,;؛:]+$")


def holds(sentence: str, question: str, located: Located) -> bool:
    """Whether a sentence says no more than the quotation and the question do, as far as this can be seen."""
    evidence = located.evidence
    grounds = Grounds(question, evidence.text, located.text, evidence.article.title)
    return not faults(_MARKER.sub("", sentence), grounds)


def phrase_alone(located: Located) -> str:
    """What is said when the LLM's sentence does not hold: the phrase, in the article's own words."""
    return " ".join(located.text.split())


def in_digits_of(question: str, said: str) -> str:
    """What is said with the digits that the question is written in (٣ or 3); as it is, if the question has none."""
    eastern, western = bool(_EASTERN_DIGIT.search(question)), bool(_WESTERN_DIGIT.search(question))
    if eastern is western:
        return said
    return said.translate(_TO_EASTERN if eastern else _TO_WESTERN)


def marked(sentence: str, markers: Sequence[int]) -> str:
    """The sentence with its markers before the full stop; markers that the LLM invented are taken out."""
    said = _FINAL.sub("", _MARKER.sub("", sentence).strip())
    return f"{said} {''.join(f'[{marker}]' for marker in markers)}."
