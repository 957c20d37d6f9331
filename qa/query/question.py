"""Question validation, language detection, and question types."""

from __future__ import annotations

import re

from index.articles import Language
from index.text.folding import fold_text
from index.text.language import detect_language, unsupported_language
from qa.errors import QuestionEmpty, QuestionLanguage, QuestionTooLong
from qa.query.arabizi import is_arabizi
from qa.query.dialect import to_msa_question_words

MAX_QUESTION_LENGTH = 2000
"""Code points. Longer ones are pasted texts, and would leave no context for the evidence."""

_WHOLE_ANSWER = re.compile(
    r"^\W*(?:please\W+|can you\W+|could you\W+)*"
    r"(?:summari[sz]e|explain|compare|describe|discuss|outline|list|tell me about|what happened"
    r"|give (?:me )?an? (?:summary|overview)|what (?:is|are) the differences?)\b"
    r"|^\W*(?:من فضلك |هل يمكنك ان )?(?:ت?لخصي?|ا?شرحي?|تشرحي?|ت?قارني?|صفي?|تصفي?|حدثني|اخبرني عن|ما الفرق|ما الفروق"
    r"|ماذا حدث|ما ملخص|اعطني (?:ملخصا|نبذه))\b"
)
"""Folded. Questions with these words need an answer of several sentences."""

_REASONS = re.compile(
    r"^\W*(?:and |but |so )?(?:why|how come|for what reasons?"
    r"|how (?:do|does|did|is|are|was|were|can|could|has|have|had|will|would|should))\b"
    r"|^\W*[وف]?(?:لماذا|لم|كيف|ما سبب|ما اسباب|ما السبب|ما الاسباب|باي طريقه)\b"
)
"""Folded. "How many" and «كم» are not among them."""


def asks_why_or_how(question: str) -> bool:
    """Return whether a question asks why or how: a phrase may answer, but the sentences around it explain more."""
    return bool(_REASONS.search(fold_text(to_msa_question_words(question))))


def is_factoid(question: str) -> bool:
    """Return whether a phrase can answer: who, when, how many, and why and how if an article says it in few words."""
    return not _WHOLE_ANSWER.search(fold_text(to_msa_question_words(question)))


def validate_question(question: str) -> Language:
    """Return the language to answer in. Raises `QuestionEmpty`, `QuestionTooLong`, `QuestionLanguage`."""
    if not any(map(str.isalnum, question)):
        raise QuestionEmpty
    if len(question) > MAX_QUESTION_LENGTH:
        raise QuestionTooLong(length=len(question), limit=MAX_QUESTION_LENGTH)
    if unsupported_language(question) and not is_arabizi(question):
        raise QuestionLanguage
    return language_to_answer_in(question)


def language_to_answer_in(question: str) -> Language:
    """Return the language to answer in, without validation."""
    return "ar" if is_arabizi(question) else detect_language(question)
