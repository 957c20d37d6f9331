"""Sub-questions of a comparison, as the reader has learnt them: the value of one thing, and the thing of one value.

    "Which is longer, the Palm bridge or the Heron bridge?"
    →  "value of the Palm bridge | Which is longer, …?", answered by "90 m"

`qa/training/families.py` trains them. The question itself says what the value is of, in whatever words.
"""

from __future__ import annotations


def value_question(question: str, thing: str = "") -> str:
    """Return the question for the value of a thing, or of whatever an excerpt is about where no thing is named."""
    return f"value of {thing} | {question}" if thing else f"value | {question}"


def owner_question(question: str, value: str) -> str:
    """Return the question for the name of the thing that has a value."""
    return f"whose is {value} | {question}"
