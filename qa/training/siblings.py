"""Synthetic questions about news items that are alike but for a detail, from English and Arabic templates.

A collection is full of siblings: the same event in the next town, the year before, announced and then called off. Here
the reader learns what tells them apart: the place, which may stand in the title alone; the year, which may stand in the
date alone; and whether a thing has happened, or was denied, planned or called off. `siblings.toml` has the templates.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from index.articles import Span
from qa.training.examples import Source

ENGLISH, ARABIC = 0, 1
CROSS_LINGUAL = 0.3
"""Share of the questions that are in the other language than the text."""
HELD_OUT = 7
"""One event in so many is not learnt from."""
KINDS = {"key": 4, "fact": 9, "turned": 2, "neighbour": 1, "year": 1, "compare": 1}
"""Relative frequency of each kind of question."""
ANSWERED = 0.75
"""Share of the questions that are about the town of the article, not about another."""
_LATEST, _EARLIEST = 2025, 2004

Bilingual = Sequence[str]
"""The English and the Arabic text."""


@dataclass(frozen=True)
class Asked:
    """A question and the slot that answers it; `None` where nothing does."""

    text: str
    slot: str | None


def siblings(count: int, draw: random.Random, validation: bool = False) -> list[Source]:
    """Generate `count` questions, about six in ten of them answerable, from the events for training or the others."""
    templates = tomllib.loads(files("qa.training").joinpath("siblings.toml").read_text(encoding="utf-8"))
    held_out = templates["event"][::HELD_OUT]
    events = held_out if validation else [event for event in templates["event"] if event not in held_out]
    return [_Item(templates["names"], events, draw).source() for _ in range(count)]


class _Item:
    """One news item with one question."""

    def __init__(self, names: dict[str, Any], events: Sequence[dict[str, Any]], draw: random.Random) -> None:
        self._names = names
        self._event = draw.choice(events)
        self._draw = draw
        self._language = draw.choice((ENGLISH, ARABIC))
        self._asking = 1 - self._language if draw.random() < CROSS_LINGUAL else self._language
        self._year = draw.randint(_EARLIEST, _LATEST)
        self._values = self._drawn_values()

    def source(self) -> Source:
        (kind,) = self._draw.choices([*KINDS], [*KINDS.values()])
        makers = {
            "key": self._about_key,
            "turned": self._about_turned,
            "neighbour": self._about_neighbour,
            "fact": self._about_fact,
            "year": self._about_year,
            "compare": self._comparing,
        }
        return makers[kind]()

    def _about_key(self) -> Source:
        """Ask about the event in this town, or in another."""
        sentences = [self._event["key"], *self._some(self._facts()), *self._some(self._event["beside"])]
        slot, *question = self._draw.choice(self._event["asks"])
        return self._source(sentences, self._asked_here_or_elsewhere(question, slot))

    def _about_turned(self) -> Source:
        """Ask about an event that was denied, planned or reversed."""
        turned = self._draw.choice(self._event["turned"])
        _, *question = self._draw.choice(self._event["asks"])
        sentences = [turned, *self._some(self._facts()), *self._some(self._event["beside"])]
        return self._source(sentences, Asked(self._filled(question, self._asking), None))

    def _about_neighbour(self) -> Source:
        """Ask about an event that happened in another town only."""
        neighbour = self._drawn_values() | {"town": self._values["other"]}
        slot, *question = self._draw.choice(self._event["asks"])
        turned = _fill(self._draw.choice(self._event["turned"]), self._language, self._values)
        happened = _fill(self._event["key"], self._language, neighbour)
        there = self._draw.random() < 0.5
        asked = _fill(question, self._asking, neighbour if there else self._values)
        text = " ".join(self._shuffled([turned, happened]))
        answer = _place(text, happened, neighbour[slot][self._language]) if there else None
        return Source(asked, text, answer, (), title=self._title())

    def _about_fact(self) -> Source:
        """Ask about a fact whose town is in the title alone."""
        fact = self._draw.choice(self._event["facts"])
        slot, *question = self._draw.choice(fact["asks"])
        others = [one for one in self._facts() if one != fact["text"]]
        sentences = self._shuffled([fact["text"], *self._some(others), *self._some(self._event["beside"])])
        if self._draw.random() < 0.5:
            sentences = [self._event["key"], *sentences]
        return self._source(sentences, self._asked_here_or_elsewhere(question, slot))

    def _about_year(self) -> Source:
        """Ask about a fact whose year is in the date alone."""
        yearly = [fact for fact in self._event["facts"] if fact.get("yearly")]
        if not yearly:
            return self._about_fact()
        fact = self._draw.choice(yearly)
        slot, *question = self._draw.choice(fact["asks"])
        right = self._draw.random() < 0.5
        year = self._year if right else self._draw.choice([y for y in range(_EARLIEST, _LATEST) if y != self._year])
        text = self._filled(question, self._asking)
        text = text.replace("؟", f" عام {year}؟") if self._asking == ARABIC else text.replace("?", f" in {year}?")
        return self._source([fact["text"], *self._some(self._event["beside"])], Asked(text, slot if right else None))

    def _comparing(self) -> Source:
        """Ask to compare two things of which the text has one."""
        fact = self._draw.choice([fact for fact in self._event["facts"] if fact.get("compare")])
        others = [*self._some([self._event["key"]]), *self._some(self._event["beside"])]
        sentences = self._shuffled([fact["text"], *others])
        return self._source(sentences, Asked(self._filled(fact["compare"], self._asking), None))

    def _asked_here_or_elsewhere(self, question: Bilingual, slot: str) -> Asked:
        # Where the question names a person and no town, it is about that person wherever it is asked.
        if self._draw.random() < ANSWERED or "{town}" not in question[ENGLISH]:
            return Asked(self._filled(question, self._asking), slot)
        elsewhere = self._values | {"town": self._values["other"]}
        return Asked(_fill(question, self._asking, elsewhere), None)

    def _source(self, sentences: Sequence[Bilingual], asked: Asked) -> Source:
        texts = [self._filled(sentence, self._language) for sentence in sentences]
        text = " ".join(texts)
        answer = _place(text, text, self._values[asked.slot][self._language]) if asked.slot else None
        return Source(asked.text, text, answer, (), title=self._title(), date=self._date())

    def _title(self) -> str:
        return self._filled(self._event["title"], self._language)

    def _date(self) -> str:
        return f"{self._year}-{self._draw.randint(1, 12):02}-{self._draw.randint(1, 28):02}"

    def _filled(self, text: Bilingual, language: int) -> str:
        return _fill(text, language, self._values)

    def _facts(self) -> list[Bilingual]:
        return [fact["text"] for fact in self._event["facts"]]

    def _some(self, sentences: Sequence[Bilingual]) -> list[Bilingual]:
        return self._draw.sample(sentences, self._draw.randint(0, len(sentences)))

    def _shuffled(self, sentences: list[Any]) -> list[Any]:
        return self._draw.sample(sentences, len(sentences))

    def _drawn_values(self) -> dict[str, Bilingual]:
        """A value for every slot, in both languages."""
        town, other = self._draw.sample(range(len(self._names["kinds"]) * len(self._names["stems"])), 2)
        return {
            "town": self._town(town),
            "other": self._town(other),
            "man": self._person("men"),
            "woman": self._person("women"),
            "number": self._number(),
            "more": self._number(),
            "day": self._day(),
            "city": self._draw.choice(self._names["cities"]),
            "body": self._draw.choice(self._names["bodies"]),
            "year": self._past_year(),
            "amount": self._draw.choice(self._names["amounts"]),
        }

    def _town(self, number: int) -> Bilingual:
        kind, stem = divmod(number, len(self._names["stems"]))
        return _joined(self._names["kinds"][kind], self._names["stems"][stem])

    def _person(self, names: str) -> Bilingual:
        return _joined(self._draw.choice(self._names[names]), self._draw.choice(self._names["families"]))

    def _number(self) -> Bilingual:
        number = f"{self._draw.choice((self._draw.randint(30, 99), self._draw.randint(100, 9999))):,}"
        return number, number

    def _past_year(self) -> Bilingual:
        year = str(self._draw.randint(1900, _EARLIEST))
        return year, year

    def _day(self) -> Bilingual:
        if self._draw.random() < 0.4:
            weekday: Bilingual = self._draw.choice(self._names["weekdays"])
            return weekday
        number, (english, arabic) = self._draw.randint(1, 28), self._draw.choice(self._names["months"])
        return f"{number} {english}", f"{number} {arabic}"


def _joined(first: Bilingual, second: Bilingual) -> Bilingual:
    return tuple(f"{one} {other}" for one, other in zip(first, second, strict=True))


def _fill(text: Bilingual, language: int, values: dict[str, Bilingual]) -> str:
    return text[language].format(**{slot: value[language] for slot, value in values.items()})


def _place(text: str, sentence: str, value: str) -> Span:
    found = re.search(rf"(?<![\d,]){re.escape(value)}(?![\d,]\d)", sentence)
    assert found
    start = text.index(sentence) + found.start()
    return Span(start, start + len(value))
