"""Values to compare: each thing's value is found by a sub-question, and must be borne out as this thing's own.

The worst fault would be another thing's value. So the sentence of the value, the one before, or the article's title must
name the thing, and nothing between them another one.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from index.articles import Article, Span
from index.retriever import Hit, Retriever, Sentence
from index.text.folding import fold_text
from index.text.language import detect_language
from index.text.words import STOP_WORDS, normalize_tokens
from qa.citations import Located
from qa.confidence import THRESHOLD
from qa.evidence import Evidence
from qa.query.comparing.model import AMOUNT, NUMBER, ComparisonQuestion, SubQuestion
from qa.reader.extractive_qa import ExtractedAnswer
from qa.text_words import TextWords
from qa.verification import calendar
from qa.verification.quantities import Quantity, quantities
from qa.verification.thing_names import ThingName, has_words, mentions
from qa.verification.units import NONE
from qa.verification.written_times import YEAR, year_of

Find = Callable[[str, Sequence[Hit]], ExtractedAnswer | None]
"""Reads hits for a sub-question."""

MAX_READINGS = 8
"""Most readings for a question: of one excerpt each they take about a second on two cores."""
_MAX_ARTICLES = 8
_HITS = 10
_KIND_HITS = 30
_READINGS_PER_THING = 2
_MAX_READ = 3600
"""Code points read for all things together."""
_MIN_READ = 450
"""Code points of an excerpt."""
_MAX_HEAD, _MAX_TITLE = 5, 4
"""Most words of a thing's name before a colon in a title, and of a title that is such a name."""
_GOOD = 0.5
"""Probability of a value at which no other passage is read."""
_SENTENCES_BEFORE = 3
"""Sentences before a value in which its thing may be named."""
_YEAR = re.compile(r"(?<![\d.,])(?:1\d|20)\d\d(?![\d.,]*\d)")
_CAPITAL = re.compile(r"(?<![\w'’])[A-Z][\w'’-]+")
_CAPITALS = re.compile(r"(?<![\w'’])[A-Z][\w'’-]+(?:\s[A-Z][\w'’-]+)*")
_HONORIFIC = re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Dr|Sir|Lady|Lord|Prof|Revd?)\.?\s$")
_AS_FOR = re.compile(r"(?<!\w)[وف]?اما (?P<name>[^\W\d]+)")


@dataclass(frozen=True)
class FoundValue:
    """A thing's value in an article.

    `quotations` begin with the value's; `name` is where one of them names the thing, if any does. `has_noun` tells
    whether they have the noun that the question counts.
    """

    thing: str
    value: Located
    quantity: Quantity
    quotations: tuple[Located, ...]
    name: Located | None
    probability: float
    has_noun: bool

    @property
    def text(self) -> str:
        """The value word for word, on one line."""
        return " ".join(self.value.text.split())


class ValueFinder:
    """Finds the values of one question, with a limited number of readings."""

    def __init__(self, asked: ComparisonQuestion, retriever: Retriever, find: Find) -> None:
        self._asked = asked
        self._retriever = retriever
        self._find = find
        self._readings = 0
        self._read_length = max(_MIN_READ, _MAX_READ // (_READINGS_PER_THING * max(len(asked.things), 1)))

    def of_things(self, question: SubQuestion, names: Sequence[ThingName]) -> list[FoundValue]:
        """Return the value of each thing, in order; an empty list unless all are found."""
        found: list[FoundValue] = []
        for name in names:
            others = [other for other in names if other != name]
            value = self._of_thing(question, name, others)
            if value is None:
                return []
            found.append(value)
        return found

    def _of_thing(self, question: SubQuestion, name: ThingName, others: Sequence[ThingName]) -> FoundValue | None:
        """Return the likeliest value of a thing that is borne out."""
        asked = question.about(name.text)
        hits = self._retriever.search(asked, _HITS, literally=False)
        best: FoundValue | None = None
        naming = [hit for hit in hits if _names(hit, name)]
        for hit in naming[:_READINGS_PER_THING]:
            extracted = self._read(asked, hit, name)
            if extracted is None:
                continue
            found = self._borne_out(question, extracted, hit, name, others)
            if found and (best is None or found.probability > best.probability):
                best = found
            if best and best.probability >= _GOOD:
                break
        return best

    def of_kind(self, question: SubQuestion, thing: str) -> tuple[list[FoundValue], int]:
        """Return the values of things of a kind, each from an article of its own, and how many articles had none.

        `thing` stands for each of them in the sub-question. The articles are the best ones for the whole question.
        """
        found: dict[str, FoundValue] = {}
        without = 0
        for hit in self._articles():
            titled = _title_name(hit.article.title, self._asked.kind)
            asked = question.about(hit.article.title[titled.start : titled.end] if titled else thing)
            extracted = self._read(asked, hit, None)
            value = self._of_kind(question, extracted, hit) if extracted else None
            if value is None:
                without += has_words(f"{hit.article.title} {hit.passage.text}", self._asked.kind.split())
            elif (key := fold_text(value.thing)) not in found or value.probability > found[key].probability:
                found[key] = value
        return list(found.values()), without

    def _articles(self) -> list[Hit]:
        """Return the best passage of each article, without copies."""
        best: dict[str, Hit] = {}
        texts: set[str] = set()
        for hit in self._retriever.search(self._asked.question, _KIND_HITS, literally=False):
            if hit.article.id not in best and hit.passage.text not in texts:
                best[hit.article.id] = hit
                texts.add(hit.passage.text)
        return list(best.values())[:_MAX_ARTICLES]

    def _of_kind(self, question: SubQuestion, extracted: ExtractedAnswer, hit: Hit) -> FoundValue | None:
        quantity = _quantity(extracted.located, question, self._asked.noun)
        if quantity is None:
            return None
        evidence = extracted.located.evidence
        start = evidence.span.start
        value = Located(evidence, Span(start + quantity.start, start + quantity.end))
        labelled = _labelled(value, self._asked.kind)
        if labelled is None:
            return None
        quotations, name = labelled
        thing = " ".join(name.text.split())
        if not _has_context(question, quotations):
            return None
        has_noun = _has_noun(self._asked.noun, quotations)
        return FoundValue(thing, value, quantity, quotations, name, extracted.probability, has_noun)

    def _read(self, asked: str, hit: Hit, name: ThingName | None) -> ExtractedAnswer | None:
        if self._readings >= MAX_READINGS:
            return None
        self._readings += 1
        extracted = self._find(asked, [_narrowed(hit, name, self._read_length)])
        return extracted if extracted and extracted.probability >= THRESHOLD else None

    def _borne_out(
        self, question: SubQuestion, extracted: ExtractedAnswer, hit: Hit, name: ThingName, others: Sequence[ThingName]
    ) -> FoundValue | None:
        """Return the value of what was read, if it is of the right kind, and the thing's own."""
        located = extracted.located
        quantity = _quantity(located, question, self._asked.noun)
        if quantity is None:
            return None
        sentence = located.evidence.cut(located.evidence.span)
        if any(mentions(sentence, other, [name]) for other in others) and mentions(sentence, name, others):
            quantity = _aligned(sentence, quantity, located.evidence.article, name, others)
            if quantity is None:
                return None
        start = located.evidence.span.start
        value = Located(located.evidence, Span(start + quantity.start, start + quantity.end))
        quoted = _quoted(value, hit, name, others)
        if quoted is None:
            return None
        quotations, named = quoted
        if not _has_context(question, quotations):
            return None
        return FoundValue(
            name.text,
            value,
            quantity,
            quotations,
            named,
            extracted.probability,
            _has_noun(self._asked.noun, quotations),
        )


def _names(hit: Hit, name: ThingName) -> bool:
    """Return whether a passage, or its article's title or date, names a thing."""
    article = hit.article
    named = bool(mentions(hit.passage.text, name) or mentions(article.title, name)) or _is_of_year(article, name)
    if not named or not name.shared:
        return named
    text = f"{article.title}\n{hit.passage.text}"
    crossed = detect_language(name.text) != detect_language(text)
    return crossed or has_words(text, name.shared)


def _is_of_year(article: Article, name: ThingName) -> bool:
    return name.is_year and (article.date or "").startswith(fold_text(name.text))


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


# The value


def _quantity(located: Located, question: SubQuestion, noun: str) -> Quantity | None:
    """Return the one quantity of a phrase that can answer the sub-question, with offsets into its sentence.

    Of several, that on the line with `noun`, if one is.
    """
    start = located.evidence.span.start
    phrase = Span(located.span.start - start, located.span.end - start)
    sentence = located.evidence.cut(located.evidence.span)
    inside = [q for q in _all(sentence, located.evidence.article) if Span(q.start, q.end).overlaps(phrase)]
    fitting = [fit for quantity in inside if (fit := _fitting(quantity, question))]
    if not fitting:
        return None
    rank = min(question.dimensions.index(quantity.unit.dimension) for quantity in fitting)
    best = [quantity for quantity in fitting if question.dimensions.index(quantity.unit.dimension) == rank]
    if len(best) > 1:
        # A phrase may run on over the next lines of a list.
        best = [quantity for quantity in best if _has_words_of(noun, _line_at(sentence, quantity))]
    return best[0] if len(best) == 1 else None


def _line_at(text: str, quantity: Quantity) -> str:
    end = text.find("\n", quantity.end)
    return text[text.rfind("\n", 0, quantity.start) + 1 : end if end >= 0 else len(text)]


def _all(sentence: str, article: Article) -> list[Quantity]:
    published = datetime.date.fromisoformat(article.date) if article.date else None
    return quantities(sentence, published)


def _fitting(quantity: Quantity, question: SubQuestion) -> Quantity | None:
    """Return a quantity as one of the sub-question's dimensions; `None` if it is of another."""
    dimensions = question.dimensions
    if quantity.unit == NONE and "date" in dimensions:
        year = year_of(quantity.low) if quantity.is_exact else None
        if year:
            return replace(quantity, unit=YEAR, low=year[0], high=year[1])
    if quantity.unit.dimension not in dimensions:
        return None
    # "12 arches" is not how long a bridge is.
    counts = dimensions in (NUMBER, AMOUNT)
    return quantity if counts or quantity.unit != NONE or not quantity.noun else None


def _aligned(
    sentence: str, read: Quantity, article: Article, name: ThingName, others: Sequence[ThingName]
) -> Quantity | None:
    """Return a thing's own value in a sentence with several things: names and values must alternate."""
    same_kind = [q for q in _all(sentence, article) if (q.unit.dimension, q.noun) == (read.unit.dimension, read.noun)]
    events: list[tuple[int, Quantity | ThingName]] = [(q.start, q) for q in same_kind]
    for thing in (name, *others):
        rest = [other for other in (name, *others) if other != thing]
        events += [(span.start, thing) for span in mentions(sentence, thing, rest)]
    ordered = [event for _, event in sorted(events, key=lambda event: event[0])]
    if any(isinstance(one, ThingName) is isinstance(next_one, ThingName) for one, next_one in pairwise(ordered)):
        return None
    named_first = isinstance(ordered[0], ThingName)
    owned = [pair if named_first else pair[::-1] for pair in pairwise(ordered)]
    values = [second for first, second in owned if first == name and isinstance(second, Quantity)]
    return values[0] if len(values) == 1 else None


# The name


def _quoted(
    value: Located, hit: Hit, name: ThingName, others: Sequence[ThingName]
) -> tuple[tuple[Located, ...], Located | None] | None:
    """Return the quotations that bear out that the value is the thing's, and where they name it."""
    evidence = value.evidence
    sentence = evidence.cut(evidence.span)
    if own := mentions(sentence, name, others):
        return (value,), _located(evidence, own[0])
    if any(mentions(sentence, other, [name]) for other in others) or _has_rival(sentence, evidence.article, name.text):
        return None
    for before in _sentences_before(hit, evidence.span):
        if any(mentions(before.text, other, [name]) for other in others):
            return None
        if own := mentions(before.text, name, others):
            span = Span(before.span.start, evidence.span.end)
            text = " ".join(evidence.article.text[span.start : span.end].split())
            longer = replace(evidence, span=span, text=text)
            return (Located(longer, value.span),), _located(longer, own[0])
    return _titled(value, name, others)


def _titled(
    value: Located, name: ThingName, others: Sequence[ThingName]
) -> tuple[tuple[Located, ...], Located | None] | None:
    article = value.evidence.article
    if (own := mentions(article.title, name, others)) and not any(mentions(article.title, other) for other in others):
        title = _title(article)
        return (value, Located(title, title.span)), _located(title, own[0])
    sentence = value.evidence.cut(value.evidence.span)
    if _is_of_year(article, name) and not _YEAR.search(fold_text(sentence)):
        return (value,), None
    return None


def _labelled(value: Located, kind: str) -> tuple[tuple[Located, ...], Located] | None:
    """Return the quotations of a value of a kind's thing, and its name: in the sentence, or the article's title.

    `None` where the sentence names two things of the kind, or something else than the title.
    """
    evidence = value.evidence
    sentence = evidence.cut(evidence.span)
    named = {fold_text(match.group("name")): match.span("name") for match in _kind_pattern(kind).finditer(sentence)}
    if len(named) == 1:
        return (value,), _located(evidence, Span(*named.popitem()[1]))
    title = _title(evidence.article)
    if named or _has_rival(sentence, evidence.article, ""):
        return None
    if span := _title_name(title.text, kind):
        return (value, Located(title, title.span)), Located(title, span)
    if span := _shared_name(sentence, title.text):
        return (value,), _located(evidence, span)
    return None


def _title_name(title: str, kind: str) -> Span | None:
    """Return where a title names the thing that its article is about: "Falcon bridge", or all before a colon."""
    if match := _kind_pattern(kind).search(title):
        return Span(*match.span("name"))
    head = re.match(r"[^:–—|]+(?=\s?[:–—|])|.+", title)
    words = head.group().split() if head else []
    most = _MAX_HEAD if head and head.end() < len(title) else _MAX_TITLE
    return Span(0, len(head.group().rstrip())) if head and len(words) <= most else None


def _shared_name(sentence: str, title: str) -> Span | None:
    """Return the one name of an English sentence that its title has, too."""
    titled = TextWords(title)
    names = {
        match.group(): Span(*match.span())
        for match in _CAPITALS.finditer(sentence)
        if match.start() > 0 or match.group().lower() not in STOP_WORDS
        if all(titled.has(word) for word in match.group().split())
    }
    return next(iter(names.values())) if len(names) == 1 else None


@lru_cache(maxsize=64)
def _kind_pattern(kind: str) -> re.Pattern[str]:
    """Return a pattern for names with the noun of a kind: "Falcon bridge", "bridge of Arden", «جسر الصقر»."""
    noun = re.escape(kind.removesuffix("s"))
    capital = r"[A-Z][\w'’-]+"
    if kind.isascii():
        return re.compile(
            rf"(?P<name>(?:{capital}\s+){{1,3}}(?i:{noun})\b|\b(?i:{noun})\s+(?:of|at)\s+(?:the\s+)?{capital}(?:\s+{capital})*)"
        )
    return re.compile(rf"(?<!\w)[وفبلك]?(?P<name>{noun}\s+(?:ال\w+)(?:\s+ال\w+)?)")


def _title(article: Article) -> Evidence:
    """Return the title as a quotation."""
    return Evidence(article, Span(0, len(article.title)), article.title, 0.0, 0.0, "title")


def _located(evidence: Evidence, span: Span) -> Located:
    return Located(evidence, Span(evidence.span.start + span.start, evidence.span.start + span.end))


def _sentences_before(hit: Hit, span: Span) -> Iterator[Sentence]:
    """Yield the nearest sentences before a stretch of a passage, the last one first."""
    before = [sentence for sentence in hit.sentences if sentence.span.end <= span.start]
    yield from reversed(before[-_SENTENCES_BEFORE:])


def _has_rival(sentence: str, article: Article, name: str) -> bool:
    """Return whether a sentence that does not name the thing names something else, which its value may belong to."""
    known = TextWords(article.title, name, article.source or "")
    folded = fold_text(sentence)
    if match := _AS_FOR.search(folded):
        return not known.has_name(match["name"])
    for match in _CAPITAL.finditer(sentence):
        word = fold_text(match.group())
        common = word in STOP_WORDS or word in calendar.ENGLISH or match.start() == 0
        if not common and not known.has_name(word) and not _HONORIFIC.search(sentence[: match.start()]):
            return True
    return False


# The rest of the question


def _has_context(question: SubQuestion, quotations: Sequence[Located]) -> bool:
    """Return whether the years of a sub-question, and its other names, are borne out."""
    article = quotations[0].evidence.article
    rest = f"{question.before} {question.after}"
    near = " ".join([*(q.evidence.cut(q.evidence.span) for q in quotations), article.title, article.date or ""])
    if any(year not in fold_text(near) for year in _YEAR.findall(fold_text(rest))):
        return False
    names = [match.group() for match in _CAPITAL.finditer(question.after)]
    everything = TextWords(article.title, article.text, article.source or "", article.date or "")
    return all(everything.has_name(word) for word in names if fold_text(word) not in calendar.ENGLISH)


def _has_noun(noun: str, quotations: Sequence[Located]) -> bool:
    """Return whether quotations have the noun that is counted; across languages it cannot be told."""
    text = " ".join(quotation.evidence.cut(quotation.evidence.span) for quotation in quotations)
    return not noun or detect_language(noun) != detect_language(text) or _has_words_of(noun, text)


def _has_words_of(noun: str, text: str) -> bool:
    """Return whether a text has a word of a noun, in any form."""
    stems = {stem for word in noun.split() if word not in STOP_WORDS for stem in normalize_tokens(word)}
    return bool(stems & TextWords(text).stems)
