"""Postprocessing of the LLM's sentence: verification, digits, and citation markers."""

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
_MIN_WORDS = 4
"""Minimum words of a shortened sentence."""
_FINAL = re.compile(r"[\s.؟?!،,;؛:]+$")


ExtraCheck = Callable[[str], Sequence[Issue]]
"""Function that returns the issues of a sentence beyond the rule-based checks."""


def no_extra_checks(sentence: str) -> Sequence[Issue]:
    """No additional checks."""
    return ()


def verify_sentence(
    written: str, question: str, located: Located, extra_check: ExtraCheck = no_extra_checks
) -> tuple[str, Correction | None]:
    """Verify the LLM's sentence around a phrase; return the text to show, and the correction, if any.

    The sentence is accepted if no check finds content beyond quotation, question and title. Otherwise it loses clauses
    at its end, and if no shorter version passes, it is replaced by the phrase.
    """
    evidence = located.evidence
    sources = Sources(question, evidence.text, located.text, evidence.article.title)
    sentence = _MARKER.sub("", written)

    def issues_of(part: str) -> Sequence[Issue]:
        return check_sentence(part, sources) or extra_check(part)

    issues = issues_of(sentence)
    if not issues:
        return written, None
    shorter = next((part for part in _shortened(sentence) if not issues_of(part)), None)
    if shorter:
        return shorter, _correction(written, issues[0], "shortened")
    return fallback_answer(located), _correction(written, issues[0], "replaced")


def _shortened(sentence: str) -> Iterator[str]:
    """Yield the sentence without its last clause, without its last two …, while enough words are left."""
    borders = {clause.start() for clause in _CLAUSE.finditer(sentence)} | {span.end for span in sentences(sentence)}
    for border in sorted(borders - {len(sentence)}, reverse=True):
        part = sentence[:border]
        if len(part.split()) >= _MIN_WORDS:
            yield part


def _correction(written: str, issue: Issue, done: Done) -> Correction:
    return Correction(written=written, fault=issue.kind, about=issue.text, done=done)


def fallback_answer(located: Located) -> str:
    """Return the phrase in the article's own words, shown if the LLM's sentence fails verification."""
    return " ".join(located.text.split())


def match_digits(question: str, text: str) -> str:
    """Convert the digits to the question's (٣ or 3); unchanged if the question has none, or both."""
    eastern, western = bool(_EASTERN_DIGIT.search(question)), bool(_WESTERN_DIGIT.search(question))
    if eastern is western:
        return text
    return text.translate(_TO_EASTERN if eastern else _TO_WESTERN)


def add_citation_markers(sentence: str, markers: Iterable[int]) -> str:
    """Add the markers before the full stop; markers that the LLM invented are removed."""
    text = _FINAL.sub("", _MARKER.sub("", sentence).strip())
    return f"{text} {''.join(f'[{marker}]' for marker in markers)}."
