"""The shortest phrase that answers, by the LLM, and where it stands in the evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from index.words import content_words
from qa.citations import Located, locate
from qa.evidence import Evidence
from qa.generate import Generator, Line, Opening, Prompt

PHRASE_TOKENS = 48
MORE_TRIES = 3
"""Other beginnings tried after a phrase that is no answer."""
LEAST_LIKELY = -5.0
"""Least log-probability of a phrase that was made to begin so: below it the LLM only says what it was told to."""
_WORD = re.compile(r"\w+")


def read_phrase(
    generator: Generator, prompt: Prompt, question: str, refusal: str, evidence: Sequence[Evidence]
) -> tuple[Line, Located | None]:
    """The LLM's phrase, and where it stands in the evidence; `None` where it stands nowhere.

    A small LLM may write "John Kirby" where the article has «جون كيربي», misspell a name, or repeat the question's
    own words. It is then asked again to begin with another word of the evidence: the likeliest one, then the next.
    What it has read is not read again, so another try costs a few tokens.
    """
    first = Line(generator.generate(prompt, PHRASE_TOKENS, refusal)).read()
    found = locate(first.text, evidence)
    if found and not _repeats(question, found.text):
        return first, found
    for phrase in _other_tries(generator, prompt, question, refusal, evidence):
        located = locate(phrase.text, evidence)
        if located and not _repeats(question, located.text):
            return phrase, located
    # Nothing better: a question may name its answer itself («… أم …؟», "A or B?").
    return first, found


def _other_tries(
    generator: Generator, prompt: Prompt, question: str, refusal: str, evidence: Sequence[Evidence]
) -> Iterator[Line]:
    words = {word for piece in evidence for word in _WORD.findall(piece.text)}
    openings = frozenset(word for word in words if not _repeats(question, word))
    for rank in range(MORE_TRIES):
        phrase = Line(generator.generate(prompt, PHRASE_TOKENS, refusal, Opening(openings, rank))).read()
        if phrase.logprobs and sum(phrase.logprobs) >= LEAST_LIKELY:
            yield phrase


def _repeats(question: str, phrase: str) -> bool:
    """Whether a phrase says nothing that the question does not."""
    said = content_words(phrase)
    return bool(said) and said <= content_words(question)
