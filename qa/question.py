"""A question as it came: checked, and its language told."""

from __future__ import annotations

from index.articles import Language
from index.text.language import foreign_language_of, language_of
from qa.errors import QuestionEmpty, QuestionLanguage, QuestionTooLong

LONGEST = 2000
"""Code points. Longer ones are pasted texts, and would crowd the evidence out of the LLM's context."""


def check(question: str) -> Language:
    """The language to answer in. Raises `QuestionEmpty`, `QuestionTooLong`, `QuestionLanguage`."""
    if not any(map(str.isalnum, question)):
        raise QuestionEmpty
    if len(question) > LONGEST:
        raise QuestionTooLong(length=len(question), limit=LONGEST)
    if foreign_language_of(question):
        raise QuestionLanguage
    return language_of(question)
