"""Questions that an excerpt no longer answers: one detail of an answerable question exchanged or reversed.

A collection is full of siblings: other towns' votes, other years' figures, the same event elsewhere, things that did
not happen. So the question's number, year or name is exchanged for another of its kind out of other articles, which
the paragraph must not hold, or its predicate is reversed by small lists of pairs. The paragraph stays as it is: it
looks as if it answered, and does not. Adversarial swaps of this kind are those of Jia and Liang (2017,
arXiv:1707.07328, "Adversarial examples for evaluating reading comprehension systems") and of SQuAD 2.0's writers.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_ARABIC_NAMES = (
    "مدينة", "دولة", "منطقة", "جزيرة", "نهر", "جبل", "ولاية", "محافظة", "مملكة", "جامعة", "نادي", "شركة", "معركة",
)  # fmt: skip
"""Nouns after which one or two Arabic words are a name: Arabic has no capitals that would say so."""
_AFTER_NOUN = re.compile(rf"(?<!\w)(?:ال)?(?:{'|'.join(_ARABIC_NAMES)})\s+(\w{{3,}}(?:\s+ال\w{{3,}})?)")
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

_NOT_BY = "(?<!من )"
"""«من قبل» says by whom, and is no time."""


@dataclass(frozen=True)
class Swapped:
    """A question that its paragraph does not answer any more, and by which kind of swap."""

    question: str
    kind: Kind


class Swapper:
    """Makes such questions with details of `others`, which are questions about other articles; seeded by `draw`."""

    def __init__(self, others: Iterable[str], draw: random.Random) -> None:
        found: dict[Kind, dict[str, None]] = {"year": {}, "number": {}, "name": {}}
        for question in others:
            for kind, start, end in details(question):
                found[kind][question[start:end]] = None
        self._details: Mapping[Kind, Sequence[str]] = {kind: list(texts) for kind, texts in found.items()}
        self._draw = draw

    def swap(self, question: str, paragraph: str) -> Swapped | None:
        """One detail of the question exchanged; `None` where it has none that can be."""
        held = fold_text(paragraph)
        changes = [change for change in self._changes(question, held)]
        return self._draw.choice(changes) if changes else None

    def _changes(self, question: str, held: str) -> Iterator[Swapped]:
        for kind, start, end in details(question):
            # A detail that the paragraph does not have was not what made it answer.
            if fold_text(question[start:end]) not in held:
                continue
            other = self._another(kind, question[start:end], held)
            if other:
                yield Swapped(question[:start] + other + question[end:], kind)
        yield from (Swapped(reversed_, "opposite") for reversed_ in _reversed(question, held))

    def _another(self, kind: Kind, detail: str, held: str) -> str | None:
        """Another of the kind, in the same script, that the paragraph does not hold."""
        arabic = any(map(is_arabic_letter, detail))
        for _ in range(20):
            other = self._draw.choice(self._details[kind] or [detail])
            same_script = any(map(is_arabic_letter, other)) == arabic
            if same_script and fold_text(other) not in held and fold_text(other) != fold_text(detail):
                return other
        return None


def details(question: str) -> list[tuple[Kind, int, int]]:
    """The years, numbers and names of a question, with where they stand."""
    years: list[tuple[Kind, int, int]] = [("year", *match.span()) for match in _YEAR.finditer(question)]
    taken = {start for _, start, _ in years}
    numbers: list[tuple[Kind, int, int]] = [
        ("number", *match.span()) for match in _NUMBER.finditer(question) if match.start() not in taken
    ]
    return sorted([*years, *numbers, *_names(question)], key=lambda detail: detail[1])


def _names(question: str) -> Iterator[tuple[Kind, int, int]]:
    for match in _NAME.finditer(question):
        start, words = match.start(), match[0].split()
        # The first word of a question is capitalised for that reason alone.
        while words and words[0].casefold() in _ASKING:
            start += len(words.pop(0)) + 1
        if words and (start > 0 or len(words) > 1):
            yield "name", start, match.end()
    for match in _AFTER_NOUN.finditer(question):
        yield "name", *match.span(1)


def _reversed(question: str, held: str) -> Iterator[str]:
    """The question with a predicate turned into its opposite, which the paragraph does not speak of."""
    for pair in _OPPOSITES:
        for word, opposite in (pair, pair[::-1]):
            found = re.search(rf"(?<!\w){_NOT_BY if word == 'قبل' else ''}{word}(?!\w)", question)
            if found and not re.search(rf"(?<!\w){fold_text(opposite)}(?!\w)", held):
                yield question[: found.start()] + opposite + question[found.end() :]
