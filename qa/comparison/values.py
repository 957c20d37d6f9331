"""Values to compare: each thing's value is found by a sub-question, and must be borne out as this thing's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from index.articles import Span
from index.retriever import Hit, Retriever, Sentence
from index.text.folding import fold_text
from index.text.language import detect_language
from qa.citations import Located
from qa.comparison.own_values import (
    Names,
    Owned,
    has_noun,
    is_of_year,
    is_real,
    listed,
    listed_of_kind,
    owned,
    owned_by_kind,
    quantity_of,
    title_name,
)
from qa.comparison.quantities import Quantity
from qa.comparison.thing_names import ThingName, has_words, mentions
from qa.confidence import THRESHOLD
from qa.polarity import clauses, polarity_of
from qa.query.comparing.model import ComparisonQuestion, SubQuestion
from qa.reader.extractive_qa import ExtractedAnswer
from qa.text_words import TextWords
from qa.verification import calendar

Find = Callable[[str, Sequence[Hit]], ExtractedAnswer | None]
"""Reads hits for a sub-question."""

MAX_READINGS = 8
"""Most readings for a question: of one excerpt each they take about a second on two cores."""
_READINGS_PER_THING = 2
_HITS = 10
_KIND_HITS = 30
_MAX_READ = 3600
"""Code points read for all things together."""
_MIN_READ = 450
"""Code points of an excerpt."""
_GOOD = 0.5
"""Probability of a value at which no other passage is read; and that of a value in a list that the reader is less sure
of, as the list says whose it is."""
_YEAR = re.compile(r"(?<![\d.,])(?:1\d|20)\d\d(?![\d.,]*\d)")
_NAME = re.compile(r"(?<![\w'’])[A-Z][\w'’-]+")
_YEAR_BEFORE = re.compile(
    r"\b(?:last year|the year before|a year (?:ago|earlier)|the previous year)\b"
    r"|(?:العام|السنه) (?:الماضي|السابق|الفايت)"
)


@dataclass(frozen=True)
class FoundValue:
    """A thing's value in an article.

    `quotations` begin with the value's; `name` is where one of them names the thing, if any does. `has_noun` tells
    whether they have the noun that the question counts, `is_past` whether the value is said to be last year's.
    """

    thing: str
    value: Located
    quantity: Quantity
    quotations: tuple[Located, ...]
    name: Located | None
    probability: float
    has_noun: bool
    is_past: bool

    @property
    def text(self) -> str:
        """The value word for word, on one line."""
        return " ".join(self.value.text.split())


class ValueFinder:
    """Finds the values of one question, with a limited number of readings."""

    def __init__(self, asked: ComparisonQuestion, retriever: Retriever, find: Find) -> None:
        self._asked = asked
        self._polarity = polarity_of(asked.question)
        self._retriever = retriever
        self._find = find
        self._readings = 0
        readings = _READINGS_PER_THING * len(asked.things) if asked.things else MAX_READINGS
        self._read_length = max(_MIN_READ, _MAX_READ // readings)

    def of_things(self, question: SubQuestion, names: Sequence[ThingName]) -> list[FoundValue]:
        """Return the value of each thing, in order; an empty list unless all are found."""
        found: list[FoundValue] = []
        for name in names:
            value = self._of_thing(question, (name, [other for other in names if other != name]))
            if value is None:
                return []
            found.append(value)
        return found

    def of_kind(self, question: SubQuestion, thing: str) -> tuple[list[FoundValue], int]:
        """Return the values of things of a kind, each from an article of its own, and how many articles had none.

        `thing` stands for each of them in the sub-question, where the article's title does not name it. The articles
        are the best ones for the whole question.
        """
        found: dict[str, FoundValue] = {}
        without = 0
        for hit in self._articles():
            if len(found) == 0 and without == 0 and (values := self._listed(question, thing, hit)):
                return values, 0
            titled = title_name(hit.article.title, self._asked.kind)
            asked = question.about(hit.article.title[titled.start : titled.end] if titled else thing)
            extracted = self._read(asked, hit, None)
            value = self._of_kind(question, extracted, hit) if extracted else None
            if value is None:
                without += 1
            elif (key := fold_text(value.thing)) not in found or value.probability > found[key].probability:
                found[key] = value
        return list(found.values()), without

    def _listed(self, question: SubQuestion, thing: str, hit: Hit) -> list[FoundValue]:
        """Return the values of a list in the best article, if the reader thinks that it answers."""
        owns = listed_of_kind(hit, question, self._asked.noun) if self._asked.noun else []
        extracted = self._read(question.about(thing), hit, None) if owns else None
        if extracted is None or extracted.probability < THRESHOLD:
            return []
        found = [self._borne_out(question, own, own.name.text, _GOOD) for own in owns if own.name]
        return [value for value in found if value] if all(found) else []

    def _of_thing(self, question: SubQuestion, names: Names) -> FoundValue | None:
        """Return the likeliest value of a thing that is borne out."""
        name, _ = names
        asked = question.about(name.text)
        hits = self._retriever.search(asked, _HITS, literally=False)
        best: FoundValue | None = None
        for hit in [hit for hit in hits if _names(hit, name)][:_READINGS_PER_THING]:
            found = self._in_hit(question, asked, hit, names)
            if found and (best is None or found.probability > best.probability):
                best = found
            if best and best.probability >= _GOOD:
                break
        return best

    def _in_hit(self, question: SubQuestion, asked: str, hit: Hit, names: Names) -> FoundValue | None:
        """Return a thing's value in a passage: what the reader finds, or the thing's own in a list."""
        name, _ = names
        extracted = self._read(asked, hit, name)
        if extracted and extracted.probability >= THRESHOLD:
            quantity = quantity_of(extracted.located, question, self._asked.noun)
            own = owned(extracted.located, quantity, hit, names) if quantity else None
            if own and (found := self._borne_out(question, own, name.text, extracted.probability)):
                return found
        own = listed(hit, question, self._asked.noun, names) if extracted else None
        return self._borne_out(question, own, name.text, _GOOD) if own else None

    def _articles(self) -> list[Hit]:
        """Return the best passage of each article in the question's language that may have a value, without copies."""
        best: dict[str, Hit] = {}
        texts: set[str] = set()
        language = detect_language(self._asked.question)
        for hit in self._retriever.search(self._asked.question, _KIND_HITS, literally=False):
            is_new = hit.article.id not in best and hit.passage.text not in texts
            if is_new and detect_language(hit.passage.text) == language:
                best[hit.article.id] = hit
                texts.add(hit.passage.text)
        words = self._asked.noun or self._asked.kind
        fitting = [hit for hit in best.values() if has_noun(words, f"{hit.article.title} {hit.passage.text}")]
        # An Arabic plural may have no word of its singular: جسور, جسر.
        return (fitting or list(best.values()))[:MAX_READINGS]

    def _of_kind(self, question: SubQuestion, extracted: ExtractedAnswer, hit: Hit) -> FoundValue | None:
        quantity = quantity_of(extracted.located, question, self._asked.noun)
        if quantity is None or extracted.probability < THRESHOLD:
            return None
        own = owned_by_kind(extracted.located, quantity, hit, self._asked.kind)
        if own is None or own.name is None:
            return None
        return self._borne_out(question, own, " ".join(own.name.text.split()), extracted.probability)

    def _read(self, asked: str, hit: Hit, name: ThingName | None) -> ExtractedAnswer | None:
        if self._readings >= MAX_READINGS:
            return None
        self._readings += 1
        return self._find(asked, [_narrowed(hit, name, self._read_length)])

    def _borne_out(self, question: SubQuestion, own: Owned, thing: str, probability: float) -> FoundValue | None:
        """Return a thing's own value, if the rest of the question is borne out, too."""
        evidence = own.value.evidence
        sentence = evidence.cut(evidence.span)
        if not is_real(sentence, own.quantity, self._polarity) or not _has_context(question, own.quotations):
            return None
        quoted = " ".join(quotation.evidence.cut(quotation.evidence.span) for quotation in own.quotations)
        noun = self._asked.noun
        # Across languages it cannot be told.
        named = not noun or detect_language(noun) != detect_language(quoted) or has_noun(noun, quoted)
        span = Span(own.quantity.start, own.quantity.end)
        said = " ".join(sentence[part.start : part.end] for part in clauses(sentence) if part.overlaps(span))
        past = bool(_YEAR_BEFORE.search(fold_text(said)))
        return FoundValue(thing, own.value, own.quantity, own.quotations, own.name, probability, named, past)


def _names(hit: Hit, name: ThingName) -> bool:
    """Return whether a passage, or its article's title or date, names a thing."""
    article = hit.article
    around = article.text if name.last else ""
    named = bool(mentions(hit.passage.text, name, (), around) or mentions(article.title, name))
    if not named or not name.shared:
        return named or is_of_year(article, name)
    text = f"{article.title}\n{hit.passage.text}"
    return detect_language(name.text) != detect_language(text) or has_words(text, name.shared)


def _narrowed(hit: Hit, name: ThingName | None, length: int) -> Hit:
    """Return the hit with no more sentences than may be read: those around the likeliest one."""
    sentences = hit.sentences
    if not sentences or sentences[-1].span.end - sentences[0].span.start <= length:
        return hit

    def rank(sentence: Sentence) -> tuple[bool, float]:
        return bool(name and mentions(sentence.text, name)), sentence.score

    first = last = max(range(len(sentences)), key=lambda at: rank(sentences[at]))
    while True:
        sides = [
            side
            for side in (last + 1, first - 1)
            if 0 <= side < len(sentences)
            and sentences[max(last, side)].span.end - sentences[min(first, side)].span.start <= length
        ]
        if not sides:
            return replace(hit, sentences=sentences[first : last + 1])
        side = max(sides, key=lambda at: sentences[at].score)
        first, last = min(first, side), max(last, side)


def _has_context(question: SubQuestion, quotations: Sequence[Located]) -> bool:
    """Return whether the years of a sub-question, and its names beside the thing's, are borne out."""
    article = quotations[0].evidence.article
    near = " ".join([*(q.evidence.cut(q.evidence.span) for q in quotations), article.title, article.date or ""])
    years = _YEAR.findall(fold_text(f"{question.before} {question.after}"))
    if any(year not in fold_text(near) for year in years):
        return False
    names = [match.group() for text in (question.before[1:], question.after) for match in _NAME.finditer(text)]
    everything = TextWords(article.title, article.text, article.source or "", article.date or "")
    return all(everything.has_name(word) for word in names if fold_text(word) not in calendar.ENGLISH)
