"""Translation check: verify that a sentence has a correct translation of a phrase in another language.

The default LLM turns «سائل التشغيل» (working fluid) into a "cooling medium", and no rule detects that. But the reader
can find the answering phrase in the LLM's sentence too, and the embedder measures the similarity in meaning of two
phrases, across languages. docs/generation.md has how well that separates translations from other phrases.
"""

from __future__ import annotations

from collections.abc import Callable

from qa.reader.base import Context, Reader
from qa.verification.faithfulness import Issue

SAME = 0.5
"""Minimum cosine of two phrases for one to count as a translation of the other (`benchmarks/translations.py`)."""

Likeness = Callable[[str, str], float]
"""Function that returns the cosine of two phrases, in any languages."""


def check_translation(sentence: str, question: str, phrase: str, reader: Reader, likeness: Likeness) -> list[Issue]:
    """Return an issue with the sentence's own phrase if it means something else than `phrase`."""
    if phrase in sentence:
        return []
    (reading,) = reader.read(question, [Context(sentence)])
    if not reading.spans:
        return [Issue("translation")]
    span = reading.spans[0].span
    sentence_phrase = sentence[span.start : span.end]
    return [] if likeness(sentence_phrase, phrase) >= SAME else [Issue("translation", sentence_phrase)]
