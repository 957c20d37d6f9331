"""Unanswerable questions made by swapping or reversing one detail of an answerable one.

A collection is full of siblings: other towns' votes, other years' figures, the same event elsewhere, things that did
not happen. So the question's number, year or name is exchanged for another of its kind out of other articles, which
the paragraph must not hold, or its predicate is reversed by small lists of pairs. The paragraph stays as it is: it
looks as if it answered, and does not. Adversarial swaps of this kind are those of Jia and Liang (2017,
arXiv:1707.07328, "Adversarial examples for evaluating reading comprehension systems") and of SQuAD 2.0's writers.
"""

from __future__ import annotations

import random
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from index.text.folding import fold_text
from index.text.language import is_arabic_letter

Kind = Literal["year", "number", "name", "opposite"]

_YEAR = re.compile(r"(?<![\d.,٫٬])(?:1[0-9]|20)\d\d(?![\d.,٫٬]*\d)")
_NUMBER = re.compile(r"(?<![\d.,٫٬/-])\d+(?:[.,٫٬]\d+)*(?![\w/-])")
_NAME = re.compile(r"\b[A-Z][\w'’-]+(?: (?:of|the|and|de|al|el|bin|ibn|van|von) [A-Z][\w'’-]+| [A-Z][\w'’-]+)*")
_ASKING = frozenset(
    [
        "what",
        "which",
        "who",
        "whom",
        "whose",
        "when",
        "where",
        "why",
        "how",
        "is",
        "are",
        "was",
        "were",
        "do",
        "does",
        "did",
        "can",
        "could",
        "in",
        "on",
        "at",
        "by",
        "to",
        "for",
        "from",
        "of",
        "the",
        "a",
        "an",
        "and",
        "or",
        "has",
        "have",
        "had",
        "will",
        "would",
        "if",
        "during",
        "after",
        "before",
        "since",
        "name",
        "according",
    ]
)
_LONGEST_NAME = 4
"""Words of a name."""
_WORD = re.compile(r"\w{2,}")
_OPPOSITES: tuple[tuple[str, str], ...] = (
    ("won", "lost"), ("win", "lose"), ("began", "ended"), ("begin", "end"), ("start", "stop"), ("started", "stopped"),
    ("opened", "closed"), ("open", "close"), ("bought", "sold"), ("buy", "sell"), ("born", "buried"),
    ("increase", "decrease"), ("increased", "decreased"), ("rose", "fell"), ("rise", "fall"), ("largest", "smallest"),
    ("highest", "lowest"), ("first", "last"), ("oldest", "youngest"), ("north", "south"), ("northern", "southern"),
    ("east", "west"), ("eastern", "western"), ("accepted", "rejected"), ("accept", "reject"), ("allowed", "forbidden"),
    ("joined", "left"), ("join", "leave"), ("supported", "opposed"), ("support", "oppose"), ("built", "destroyed"),
    ("before", "after"), ("minimum", "maximum"), ("most", "fewest"), ("appointed", "dismissed"), ("hired", "fired"),
    ("فاز", "خسر"), ("فازت", "خسرت"), ("بدأ", "انتهى"), ("بدأت", "انتهت"), ("افتتح", "أغلق"), ("افتتحت", "أغلقت"),
    ("اشترى", "باع"), ("اشترت", "باعت"), ("ولد", "دفن"), ("ولدت", "دفنت"), ("ارتفع", "انخفض"), ("ارتفعت", "انخفضت"),
    ("أكبر", "أصغر"), ("أعلى", "أدنى"), ("أول", "آخر"), ("أقدم", "أحدث"), ("شمال", "جنوب"), ("شرق", "غرب"),
    ("قبل", "بعد"), ("وافق", "رفض"), ("وافقت", "رفضت"), ("انضم", "انسحب"), ("انضمت", "انسحبت"), ("أيد", "عارض"),
    ("بني", "هدم"), ("عين", "أقيل"), ("أكثر", "أقل"),
)  # fmt: skip

_TRIES = 20
_NOT_BY = "(?<!من )"
"""«من قبل» says by whom, and is no time."""


@dataclass(frozen=True)
class Swapped:
    """Question that its paragraph no longer answers, and the kind of swap."""

    question: str
    kind: Kind


class Swapper:
    """Swaps details for those of `others`, questions about other articles; seeded by `draw`.

    Arabic has no capitals that would tell a name: there names are those of `known`.
    """

    def __init__(self, others: Iterable[str], draw: random.Random, known: Iterable[str] = ()) -> None:
        self._known = frozenset(map(fold_text, known))
        self._draw = draw
        self._details: dict[tuple[Kind, str], list[str]] = {}
        for question in dict.fromkeys(others):
            for kind, start, end in details(question, self._known):
                for asked in ("", _asked(question)):
                    self._details.setdefault((kind, asked), []).append(question[start:end])

    def swap(self, question: str, paragraph: str) -> Swapped | None:
        """Swap one detail of the question; `None` if it has none to swap."""
        held = fold_text(paragraph)
        changes = [change for change in self._changes(question, held)]
        return self._draw.choice(changes) if changes else None

    def _changes(self, question: str, held: str) -> Iterator[Swapped]:
        for kind, start, end in details(question, self._known):
            # A detail that the paragraph does not have was not what made it answer.
            if fold_text(question[start:end]) not in held:
                continue
            other = self._another(kind, question, question[start:end], held)
            if other:
                yield Swapped(question[:start] + other + question[end:], kind)
        yield from (Swapped(reversed_, "opposite") for reversed_ in _reversed(question, held))

    def _another(self, kind: Kind, question: str, detail: str, held: str) -> str | None:
        """Draw another detail of the kind, in the same script, that the paragraph lacks.

        It is out of a like question, if it can be: in "When was … born?" names are people's.
        """
        arabic = any(map(is_arabic_letter, detail))
        for asked in (_asked(question), ""):
            among = self._details.get((kind, asked), ())
            for other in self._draw.choices(among, k=_TRIES) if among else ():
                same_script = any(map(is_arabic_letter, other)) == arabic
                if same_script and fold_text(other) not in held and fold_text(other) != fold_text(detail):
                    return other
        return None


def _asked(question: str) -> str:
    """Return the first two words: questions that share them ask about things of one kind."""
    return " ".join(fold_text(question).split()[:2])


def details(question: str, known: Container[str] = ()) -> list[tuple[Kind, int, int]]:
    """Find years, numbers and names of a question: (kind, start, end). `known` are folded names."""
    years: list[tuple[Kind, int, int]] = [("year", *match.span()) for match in _YEAR.finditer(question)]
    taken = {start for _, start, _ in years}
    numbers: list[tuple[Kind, int, int]] = [
        ("number", *match.span()) for match in _NUMBER.finditer(question) if match.start() not in taken
    ]
    names = [*_names(question), *_known_names(question, known)]
    return sorted([*years, *numbers, *names], key=lambda detail: detail[1])


def _names(question: str) -> Iterator[tuple[Kind, int, int]]:
    for match in _NAME.finditer(question):
        start, words = match.start(), match[0].split()
        # The first word of a question is capitalised for that reason alone.
        while words and words[0].casefold() in _ASKING:
            start += len(words.pop(0)) + 1
        if words and (start > 0 or len(words) > 1):
            yield "name", start, match.end()


def _known_names(question: str, known: Container[str]) -> Iterator[tuple[Kind, int, int]]:
    """Find the longest runs of Arabic words that are a known name; the first word is the question word."""
    words = [match.span() for match in _WORD.finditer(question)]
    at = 1
    while at < len(words):
        for last in range(min(at + _LONGEST_NAME, len(words)) - 1, at - 1, -1):
            start, end = words[at][0], words[last][1]
            if is_arabic_letter(question[start]) and fold_text(question[start:end]) in known:
                yield "name", start, end
                at = last
                break
        at += 1


def _reversed(question: str, held: str) -> Iterator[str]:
    """Reverse a predicate, if the paragraph does not mention its opposite."""
    for pair in _OPPOSITES:
        for word, opposite in (pair, pair[::-1]):
            found = re.search(rf"(?<!\w){_NOT_BY if word == 'قبل' else ''}{word}(?!\w)", question)
            if found and not re.search(rf"(?<!\w){fold_text(opposite)}(?!\w)", held):
                yield question[: found.start()] + opposite + question[found.end() :]
