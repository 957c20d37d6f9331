"""Whether a sentence says a phrase of another language: what answers in it is found, and must mean the same.

The LLM that everybody can have here makes «سائل التشغيل» (working fluid) a "cooling medium", and no rule sees that. But
the reader finds what answers the question in the LLM's sentence too, and the embedder tells how near two phrases are in
meaning, in whatever languages. docs/answers.md has how well that tells translations from other phrases.
"""

from __future__ import annotations

from collections.abc import Callable

from qa.reading.reader import Context, Reader
from qa.verification.faithfulness import Issue

SAME = 0.5
"""The cosine of two phrases from which one is taken for a translation of the other (`benchmarks/translations.py`)."""

Likeness = Callable[[str, str], float]
"""The cosine of two phrases, in whatever languages."""


def check_translation(sentence: str, question: str, phrase: str, reader: Reader, likeness: Likeness) -> list[Issue]:
    """What the sentence says in the place of `phrase`, where that means something else."""
    if phrase in sentence:
        return []
    (reading,) = reader.read(question, [Context(sentence)])
    if not reading.spans:
        return [Issue("translation")]
    span = reading.spans[0].span
    said = sentence[span.start : span.end]
    return [] if likeness(said, phrase) >= SAME else [Issue("translation", said)]
