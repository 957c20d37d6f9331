"""The sentence around a phrase: what of it may be shown, and how it is marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from index.text.sentences import sentences
from qa.answer import Correction, Done
from qa.citations import Located
from qa.verification.faithfulness import Issue, Sources, check_sentence

_MARKER = re.compile(r"\s*\[\s*\d+\s*\]")
_EASTERN, _WESTERN = "٠١٢٣٤٥٦٧٨٩", "0123456789"
_EASTERN_DIGIT, _WESTERN_DIGIT = re.compile(f"[{_EASTERN}]"), re.compile(f"[{_WESTERN}]")
_TO_EASTERN, _TO_WESTERN = str.maketrans(_WESTERN, _EASTERN), str.maketrans(_EASTERN, _WESTERN)
_CLAUSE = re.compile(r"[,،;؛](?=\s)|\s[–—-]\s")
_FEWEST_WORDS = 4
"""Of what is left of a sentence, for it to be one."""
_FINAL = re.compile(r"[\s.؟?!،,;؛:]+$")


ExtraCheck = Callable[[str], Sequence[Issue]]
"""What speaks against a sentence beside what is known by rule."""


def no_extra_checks(sentence: str) -> Sequence[Issue]:
    """Where the rules see all that can be seen."""
    return ()


def verify_sentence(
    written: str, question: str, located: Located, doubts: ExtraCheck = no_extra_checks
) -> tuple[str, Correction | None]:
    """What is said for a sentence that the LLM wrote around a phrase, and what was done to it, if anything was.

    It stands if it says no more than the quotation and the question do, as far as this can be seen. Else it is
    shortened by clauses at its end, and if nothing is left that holds, the phrase is said by itself.
    """
    evidence = located.evidence
    grounds = Sources(question, evidence.text, located.text, evidence.article.title)
    sentence = _MARKER.sub("", written)

    def against(part: str) -> Sequence[Issue]:
        return check_sentence(part, grounds) or doubts(part)

    found = against(sentence)
    if not found:
        return written, None
    shorter = next((part for part in _shortened(sentence) if not against(part)), None)
    if shorter:
        return shorter, _correction(written, found[0], "shortened")
    return fallback_answer(located), _correction(written, found[0], "replaced")


def _shortened(sentence: str) -> Iterator[str]:
    """The sentence without its last clause, without its last two …, while enough is left to be one."""
    borders = {clause.start() for clause in _CLAUSE.finditer(sentence)} | {span.end for span in sentences(sentence)}
    for border in sorted(borders - {len(sentence)}, reverse=True):
        part = sentence[:border]
        if len(part.split()) >= _FEWEST_WORDS:
            yield part


def _correction(written: str, fault: Issue, done: Done) -> Correction:
    return Correction(written=written, fault=fault.kind, about=fault.said, done=done)


def fallback_answer(located: Located) -> str:
    """What is said when the LLM's sentence does not hold: the phrase, in the article's own words."""
    return " ".join(located.text.split())


def match_digits(question: str, said: str) -> str:
    """What is said with the digits that the question is written in (٣ or 3); as it is, if the question has none."""
    eastern, western = bool(_EASTERN_DIGIT.search(question)), bool(_WESTERN_DIGIT.search(question))
    if eastern is western:
        return said
    return said.translate(_TO_EASTERN if eastern else _TO_WESTERN)


def add_citation_markers(sentence: str, markers: Iterable[int]) -> str:
    """The sentence with its markers before the full stop; markers that the LLM invented are taken out."""
    said = _FINAL.sub("", _MARKER.sub("", sentence).strip())
    return f"{said} {''.join(f'[{marker}]' for marker in markers)}."
