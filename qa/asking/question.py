"""A question as it came: checked, and its language told."""

from __future__ import annotations

import re

from index.articles import Language
from index.text.folding import fold_text
from index.text.language import foreign_language_of, language_of
from qa.asking.arabizi import is_arabizi
from qa.asking.colloquial import standard
from qa.errors import QuestionEmpty, QuestionLanguage, QuestionTooLong

LONGEST = 2000
"""Code points. Longer ones are pasted texts, and would crowd the evidence out of the LLM's context."""

_WHOLE_ANSWER = re.compile(
    r"^\W*(?:please\W+|can you\W+|could you\W+)*"
    r"(?:summari[sz]e|explain|compare|describe|discuss|outline|list|tell me about|what happened"
    r"|give (?:me )?an? (?:summary|overview)|what (?:is|are) the differences?)\b"
    r"|^\W*(?:من فضلك |هل يمكنك ان )?(?:ت?لخصي?|ا?شرحي?|تشرحي?|ت?قارني?|صفي?|تصفي?|حدثني|اخبرني عن|ما الفرق|ما الفروق"
    r"|ماذا حدث|ما ملخص|اعطني (?:ملخصا|نبذه))\b"
)
"""Folded. What is asked for in these words takes sentences to say."""

_REASONS = re.compile(
    r"^\W*(?:and |but |so )?(?:why|how come|for what reasons?"
    r"|how (?:do|does|did|is|are|was|were|can|could|has|have|had|will|would|should))\b"
    r"|^\W*[وف]?(?:لماذا|لم|كيف|ما سبب|ما اسباب|ما السبب|ما الاسباب|باي طريقه)\b"
)
"""Folded. "How many" and «كم» are not among them."""


def wants_reasons(question: str) -> bool:
    """Whether it asks why or how: a phrase may answer, but what stands around it says more."""
    return bool(_REASONS.search(fold_text(standard(question))))


def wants_phrase(question: str) -> bool:
    """Whether a phrase can answer: who, when, how many, and also why and how, where an article says so in few words."""
    return not _WHOLE_ANSWER.search(fold_text(standard(question)))


def check(question: str) -> Language:
    """The language to answer in. Raises `QuestionEmpty`, `QuestionTooLong`, `QuestionLanguage`."""
    if not any(map(str.isalnum, question)):
        raise QuestionEmpty
    if len(question) > LONGEST:
        raise QuestionTooLong(length=len(question), limit=LONGEST)
    if foreign_language_of(question) and not is_arabizi(question):
        raise QuestionLanguage
    return language_to_answer_in(question)


def language_to_answer_in(question: str) -> Language:
    """The same of any text, however it is written."""
    return "ar" if is_arabizi(question) else language_of(question)
