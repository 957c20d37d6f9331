"""Model of a question that compares: the things, what is compared, and the sub-question to ask about each thing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from index.text.folding import fold
from index.text.words import content_words
from qa.units import Dimension, units_by_word

Operation = Literal["which", "whether", "difference", "sum"]
"""Which thing has the most or the least; whether the first one does; how far two are apart; how much all are together.
"""
MAX_THINGS = 4
_MAX_THING_WORDS = 8
_QUOTES = str.maketrans('«»“”„"', "      ")

NUMBER: tuple[Dimension, ...] = ("number",)
DATE: tuple[Dimension, ...] = ("date", "time")
AMOUNT: tuple[Dimension, ...] = (
    "money", "weight", "length", "duration", "temperature", "speed", "area", "volume", "percent", "number",
)  # fmt: skip
"""Any quantity but a date or a time."""


@dataclass(frozen=True)
class SubQuestion:
    """A question about one thing, whose name stands between `before` and `after`.

    Its answer has one of `dimensions`. Where `greatest`, the thing with the greatest value is the one that is asked
    for; of dates the latest, or the earliest where `earliest` ("older": the most years, or the earliest date).
    """

    before: str
    after: str
    dimensions: tuple[Dimension, ...]
    greatest: bool
    earliest: bool = False

    def about(self, thing: str) -> str:
        """Return the question about a thing."""
        return re.sub(r"\s+([?؟])", r"\1", " ".join(f"{self.before}{thing}{self.after}".split()))


@dataclass(frozen=True)
class ComparisonQuestion:
    """A question that compares the values of several things.

    `things` are the names in the question, word for word; none where one of a `kind` is asked for ("which bridge is the
    longest?"). `wording` is the question's own for what is compared ("longer"). `noun` is what is counted, and `unit`
    the unit that a difference is asked in; both may be empty. The sub-questions are tried in order. `question` is all
    of it.
    """

    operation: Operation
    things: tuple[str, ...]
    kind: str
    wording: str
    sub_questions: tuple[SubQuestion, ...]
    noun: str = ""
    unit: str = ""
    question: str = ""


@dataclass(frozen=True)
class Attribute:
    """Attribute that a clause compares: the question's wording for it, and the sub-questions."""

    wording: str
    sub_questions: tuple[SubQuestion, ...]
    noun: str = ""
    superlative: bool = False


def as_question(
    template: str, dimensions: tuple[Dimension, ...], greatest: bool, earliest: bool = False
) -> SubQuestion:
    """Return the sub-question of a template with `{thing}` in it; nothing else in it is filled in."""
    before, _, after = template.partition("{thing}")
    return SubQuestion(before, after, dimensions, greatest, earliest)


def without_quotes(question: str) -> str:
    """Return the question on one line, without quotation marks and the mark at its end."""
    return " ".join(question.translate(_QUOTES).split()).rstrip(" ?؟.!")


def is_thing(name: str) -> bool:
    """Return whether a stretch of a question can be the name of a thing."""
    words = name.split()
    return 0 < len(words) <= _MAX_THING_WORDS and bool(content_words(name))


def compared(
    operation: Operation, things: tuple[str, ...], attribute: Attribute | None, kind: str = "", unit: str = ""
) -> ComparisonQuestion | None:
    """Return the question; `None` without an attribute, or without things or their kind."""
    if attribute is None or not (things or kind):
        return None
    # A unit is not what is counted.
    noun = "" if attribute.noun.split()[:1] and attribute.noun.split()[0] in units_by_word() else attribute.noun
    return ComparisonQuestion(operation, things, kind, attribute.wording, attribute.sub_questions, noun, unit)


class QuestionLine:
    """A question: the folded text that patterns are matched on, and the stretches of the original."""

    def __init__(self, line: str) -> None:
        self.line = line
        self._folded = fold(line)
        self.text = self._folded.text

    def cut(self, match: re.Match[str], group: str) -> str:
        """Return what a group matched, as it was typed; empty where it matched nothing."""
        return self.cut_at(*match.span(group))

    def cut_at(self, start: int, end: int) -> str:
        """Return a stretch of the folded text as it was typed, without marks around it."""
        if start < 0 or start == end:
            return ""
        span = self._folded.to_original(start, end)
        return self.line[span.start : span.end].strip(" ,،;؛:–—-")
