"""Whether a value is a thing's own: which quantity it is, where the thing is named, and that nothing else owns it.

The worst fault of a comparison would be another thing's value. So the sentence of the value, the ones before, or the
article's title must name the thing, and nothing between them another one.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from index.articles import Article, Span
from index.retriever import Hit, Sentence
from index.text.folding import fold_text
from index.text.words import STOP_WORDS, content_words, normalize_tokens
from qa.citations import Located
from qa.comparison.quantities import Quantity, quantities
from qa.comparison.thing_names import ThingName, mentions
from qa.comparison.written_times import YEAR, year_of
from qa.evidence import Evidence
from qa.polarity import Polarity, polarity_at
from qa.query.comparing.model import AMOUNT, NUMBER, SubQuestion
from qa.text_words import TextWords
from qa.units import NONE
from qa.verification import calendar

_SENTENCES_BEFORE = 3
"""Sentences before a value in which its thing may be named."""
_MAX_HEAD, _MAX_TITLE = 5, 3
"""Most words of a thing's name on a side of a colon in a title, and of a title that is such a name."""
_YEAR = re.compile(r"(?<![\d.,])(?:1\d|20)\d\d(?![\d.,]*\d)")
_CAPITAL = re.compile(r"(?<![\w'’])[A-Z][\w'’-]+")
_CAPITALS = re.compile(r"(?<![\w'’])[A-Z][\w'’-]+(?:\s[A-Z][\w'’-]+)*")
_HONORIFIC = re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Dr|Sir|Lady|Lord|Prof|Revd?)\.?\s$")
_AS_FOR = re.compile(r"(?<!\w)[وف]?اما (?P<name>[^\W\d]+)")
_REFERS_BACK = re.compile(r"(?:it|its|he|his|she|her|they|their|this|[وف]?(?:هو|هي)|وله|ولها|وفيه|وفيها)(?!\w)", re.I)
"""The beginning of a sentence whose subject is the thing named last before it."""
_BETWEEN_NAME_AND_VALUE = re.compile(r"[\s:–—,(=-]*(?:[^\W\d]+\s)?")
_NAME_AT_END = re.compile(r"(?P<name>[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*)[\s:–—,(=-]*(?:[a-z]+\s)?$")
_TOTALS = frozenset({"total", "all", "sum", "together", "others", "average"})
_TITLE_PART = re.compile(r"\s*(?P<part>[^:–—|]+?)\s*(?=[:–—|]|$)(?:[:–—|]|$)")
_HEDGE = re.compile(r"\b(?:nearly|almost)\b")

Names = tuple[ThingName, Sequence[ThingName]]
"""A thing, and the others that it is compared with."""


@dataclass(frozen=True)
class Owned:
    """A value that is a thing's own: its quotations, the value's first, and where one of them names the thing."""

    value: Located
    quantity: Quantity
    quotations: tuple[Located, ...]
    name: Located | None


# Which quantity it is


def quantity_of(located: Located, question: SubQuestion, noun: str) -> Quantity | None:
    """Return the one quantity of a phrase that can answer the sub-question, with offsets into its sentence.

    Of several, that on the line with `noun`, if one is.
    """
    start = located.evidence.span.start
    phrase = Span(located.span.start - start, located.span.end - start)
    sentence = located.evidence.cut(located.evidence.span)
    inside = [q for q in _quantities(sentence, located.evidence.article) if Span(q.start, q.end).overlaps(phrase)]
    fitting = [fit for quantity in inside if (fit := _fitting(quantity, question))]
    if not fitting:
        return None
    rank = min(question.dimensions.index(quantity.unit.dimension) for quantity in fitting)
    best = [quantity for quantity in fitting if question.dimensions.index(quantity.unit.dimension) == rank]
    if len(best) > 1:
        # A phrase may run on over the next lines of a list.
        best = [quantity for quantity in best if has_noun(noun, _line_at(sentence, quantity))]
    return best[0] if len(best) == 1 else None


def is_real(sentence: str, quantity: Quantity, asked: Polarity) -> bool:
    """Return whether a sentence states a quantity, and does not only deny or hope it, unless the question does."""
    plain = _HEDGE.sub(lambda hedge: " " * len(hedge.group()), sentence)
    stated = polarity_at(plain, Span(quantity.start, quantity.end), ())
    return not (stated.negated and not asked.negated) and not (stated.unreal and not asked.unreal)


def has_noun(noun: str, text: str) -> bool:
    """Return whether a text has a word of a noun, in any form."""
    return bool(_stems(noun) & _stems(text) or content_words(noun) & content_words(text))


def _stems(text: str) -> set[str]:
    words = [word for word in re.findall(r"\w+", fold_text(text)) if word not in STOP_WORDS]
    # كتابا with the alif of its tanwin is كتاب.
    words += [word[:-1] for word in words if word.endswith("ا") and len(word) > 3]
    return {stem for word in words for stem in normalize_tokens(word)}


def _line_at(text: str, quantity: Quantity) -> str:
    end = text.find("\n", quantity.end)
    return text[text.rfind("\n", 0, quantity.start) + 1 : end if end >= 0 else len(text)]


def _quantities(sentence: str, article: Article) -> list[Quantity]:
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


# Whose it is


def owned(located: Located, quantity: Quantity, hit: Hit, names: Names) -> Owned | None:
    """Return a value that was read, with quotations that bear out that it is the thing's; `None` if none do."""
    name, others = names
    evidence = located.evidence
    article, sentence = evidence.article, evidence.cut(evidence.span)
    own = mentions(sentence, name, others, article.text)
    if own and _first_of(sentence, others, name, article) is not None:
        aligned = _aligned(sentence, quantity, article, names)
        return _in_sentence(evidence, aligned, own[0]) if aligned else None
    if own:
        return _in_sentence(evidence, quantity, own[0])
    return _named_before(evidence, quantity, hit, names)


def listed(hit: Hit, question: SubQuestion, noun: str, names: Names) -> Owned | None:
    """Return a thing's value in a list in a sentence: "Ashgrove 214, Birchley 156 and Corran 190".

    The value stands directly after the name, and other values after others; what is listed (`noun`, if it is counted)
    is said in the sentence or in the one before.
    """
    name, others = names
    asked = content_words(f"{question.before} {question.after}")
    for at, sentence in enumerate(hit.sentences):
        before = hit.sentences[at - 1].text if at else hit.article.title
        own = mentions(sentence.text, name, others, hit.article.text)
        if not own or not asked & content_words(f"{before} {sentence.text}"):
            continue
        fitting = [fit for q in _quantities(sentence.text, hit.article) if (fit := _fitting(q, question))]
        after = [q for q in fitting if q.start >= own[0].end]
        if len(own) == 1 and len(fitting) > 1 and after:
            between = sentence.text[own[0].end : after[0].start]
            alike = [q for q in fitting if q.unit.dimension == after[0].unit.dimension]
            if _BETWEEN_NAME_AND_VALUE.fullmatch(between) and len(alike) == len(fitting):
                owned_value = _in_sentence(_evidence(hit, sentence), after[0], own[0])
                is_said = has_noun(noun, sentence.text) if noun else bool(asked & content_words(sentence.text))
                return owned_value if is_said else _led(owned_value, hit, at)
    return None


def listed_of_kind(hit: Hit, question: SubQuestion, noun: str) -> list[Owned]:
    """Return the values of a list in a sentence, or in consecutive lines, each with the name before it.

    `noun` is what is counted, in the list or in the sentence before; a total is no part of it. An empty list where a
    value has no name directly before it.
    """
    for at, sentence in enumerate(hit.sentences):
        before = hit.sentences[at - 1].text if at else hit.article.title
        if not has_noun(noun, f"{before} {sentence.text}"):
            continue
        fitting = [fit for q in _quantities(sentence.text, hit.article) if (fit := _fitting(q, question))]
        found = [_listed_at(hit, sentence, quantity) for quantity in fitting]
        named = [value for value in found if value]
        if len(named) > 1 and len(named) == len(found):
            return named if has_noun(noun, sentence.text) else [_led(value, hit, at) for value in named]
    return []


def _listed_at(hit: Hit, sentence: Sentence, quantity: Quantity) -> Owned | None:
    """Return a value with the capitalised name directly before it."""
    match = _NAME_AT_END.search(sentence.text[: quantity.start])
    if match is None or fold_text(match["name"]) in _TOTALS:
        return None
    return _in_sentence(_evidence(hit, sentence), quantity, Span(*match.span("name")))


def _led(value: Owned, hit: Hit, at: int) -> Owned:
    """Return a value quoted with the sentence before its own, which says what is listed."""
    if at == 0:
        title = title_of(hit.article)
        return replace(value, quotations=(*value.quotations, Located(title, title.span)))
    longer = _extended(value.value.evidence, hit.sentences[at - 1].span.start)
    return replace(value, quotations=(Located(longer, value.value.span),))


def _evidence(hit: Hit, sentence: Sentence) -> Evidence:
    return Evidence(hit.article, sentence.span, " ".join(sentence.text.split()), sentence.score, sentence.score)


def _in_sentence(evidence: Evidence, quantity: Quantity, name: Span) -> Owned:
    value = _located(evidence, Span(quantity.start, quantity.end))
    return Owned(value, quantity, (value,), _located(evidence, name))


def _first_of(text: str, names: Sequence[ThingName], name: ThingName, article: Article) -> int | None:
    """Return where a text first names one of several things; `None` if it does not."""
    starts = [span.start for other in names for span in mentions(text, other, [name], article.text)]
    return min(starts, default=None)


def _aligned(sentence: str, read: Quantity, article: Article, names: Names) -> Quantity | None:
    """Return a thing's own value in a sentence with several things: names and values must alternate."""
    name, others = names
    alike = [
        q for q in _quantities(sentence, article) if (q.unit.dimension, q.noun) == (read.unit.dimension, read.noun)
    ]
    events: list[tuple[int, Quantity | ThingName]] = [(q.start, q) for q in alike]
    for thing in (name, *others):
        rest = [other for other in (name, *others) if other != thing]
        events += [(span.start, thing) for span in mentions(sentence, thing, rest, article.text)]
    ordered = [event for _, event in sorted(events, key=lambda event: event[0])]
    if any(isinstance(one, ThingName) is isinstance(following, ThingName) for one, following in pairwise(ordered)):
        return None
    pairs = [pair if isinstance(ordered[0], ThingName) else pair[::-1] for pair in pairwise(ordered)]
    values = [second for first, second in pairs if first == name and isinstance(second, Quantity)]
    return values[0] if len(values) == 1 else None


def _named_before(evidence: Evidence, quantity: Quantity, hit: Hit, names: Names) -> Owned | None:
    """Return a value whose sentence does not name the thing, but the ones before or the title do."""
    name, others = names
    article, sentence = evidence.article, evidence.cut(evidence.span)
    first_other = _first_of(sentence, others, name, article)
    refers_back = bool(_REFERS_BACK.match(sentence))
    if first_other is not None and not (refers_back and quantity.start < first_other):
        return None
    if not refers_back and not name.is_year and _has_rival(sentence, article, name.text):
        return None
    value = _located(evidence, Span(quantity.start, quantity.end))
    for before in _sentences_before(hit, evidence.span):
        own = mentions(before.text, name, others, article.text)
        other = _first_of(before.text, others, name, article)
        if own and (other is None or (own[0].start < other and _is_titled(article, names))):
            longer = _extended(evidence, before.span.start)
            return Owned(value, quantity, (Located(longer, value.span),), _located(longer, own[0]))
        if own or other is not None:
            return None
    return _of_title(value, quantity, names)


def _of_title(value: Located, quantity: Quantity, names: Names) -> Owned | None:
    name, others = names
    article = value.evidence.article
    if _is_titled(article, names):
        title = title_of(article)
        named = _located(title, mentions(article.title, name, others)[0])
        return Owned(value, quantity, (value, Located(title, title.span)), named)
    sentence = value.evidence.cut(value.evidence.span)
    if is_of_year(article, name) and not _YEAR.search(fold_text(sentence)):
        return Owned(value, quantity, (value,), None)
    return None


def _is_titled(article: Article, names: Names) -> bool:
    """Return whether an article's title names a thing, and none of the others."""
    name, others = names
    return bool(mentions(article.title, name, others)) and not any(mentions(article.title, other) for other in others)


def is_of_year(article: Article, name: ThingName) -> bool:
    """Return whether a thing is the year of an article."""
    return name.is_year and (article.date or "").startswith(fold_text(name.text))


def title_of(article: Article) -> Evidence:
    """Return the title as a quotation."""
    return Evidence(article, Span(0, len(article.title)), article.title, 0.0, 0.0, "title")


def _located(evidence: Evidence, span: Span) -> Located:
    return Located(evidence, Span(evidence.span.start + span.start, evidence.span.start + span.end))


def _extended(evidence: Evidence, start: int) -> Evidence:
    """Return a quotation from an earlier start."""
    span = Span(start, evidence.span.end)
    return replace(evidence, span=span, text=" ".join(evidence.article.text[span.start : span.end].split()))


def _sentences_before(hit: Hit, span: Span) -> Iterator[Sentence]:
    """Yield the nearest sentences before a stretch of a passage, the last one first."""
    before = [sentence for sentence in hit.sentences if sentence.span.end <= span.start]
    yield from reversed(before[-_SENTENCES_BEFORE:])


def _has_rival(sentence: str, article: Article, name: str) -> bool:
    """Return whether a sentence that does not name the thing names something else, which its value may belong to."""
    known = TextWords(article.title, name, article.source or "")
    if match := _AS_FOR.search(fold_text(sentence)):
        return not known.has_name(match["name"])
    for match in _CAPITAL.finditer(sentence):
        word = fold_text(match.group())
        common = word in STOP_WORDS or word in calendar.ENGLISH or match.start() == 0
        if not common and not known.has_name(word) and not _HONORIFIC.search(sentence[: match.start()]):
            return True
    return False


# The thing of a kind that an article is about


def owned_by_kind(located: Located, quantity: Quantity, hit: Hit, kind: str) -> Owned | None:
    """Return a value with the thing of a kind that it belongs to: named in the sentence, before it, or in the title."""
    evidence = located.evidence
    article, sentence = evidence.article, evidence.cut(evidence.span)
    value = _located(evidence, Span(quantity.start, quantity.end))
    refers_back = bool(_REFERS_BACK.match(sentence))
    if not refers_back:
        named = _kind_names(sentence, kind)
        if len(named) == 1 and named[0].start < quantity.start:
            return Owned(value, quantity, (value,), _located(evidence, named[0]))
        if named or _has_rival(sentence, article, ""):
            return None
    for before in _sentences_before(hit, evidence.span):
        named = _kind_names(before.text, kind)
        if len(named) == 1:
            longer = _extended(evidence, before.span.start)
            return Owned(value, quantity, (Located(longer, value.span),), _located(longer, named[0]))
        if named:
            return None
    if span := title_name(article.title, kind):
        title = title_of(article)
        return Owned(value, quantity, (value, Located(title, title.span)), Located(title, span))
    if shared := _shared_name(sentence, article.title):
        return Owned(value, quantity, (value,), _located(evidence, shared))
    return None


def title_name(title: str, kind: str) -> Span | None:
    """Return where a title names the thing that its article is about: "Heron bridge", or a side of a colon.

    A short title may be a name, too. English names have capitals.
    """
    if named := _kind_names(title, kind):
        return named[0]
    parts = [Span(*match.span("part")) for match in _TITLE_PART.finditer(title)]
    most = _MAX_HEAD if len(parts) > 1 else _MAX_TITLE
    # In Arabic, the name is before the colon, if at all.
    candidates = parts if title.isascii() else parts[:1]
    return next((part for part in candidates if _may_be_name(title[part.start : part.end], most)), None)


def _may_be_name(text: str, most: int) -> bool:
    words = text.split()
    capitals = all(word[0].isupper() or fold_text(word) in STOP_WORDS for word in words if word[0].isascii())
    return 0 < len(words) <= most and capitals


def _kind_names(text: str, kind: str) -> list[Span]:
    """Return the names with the noun of a kind, each once."""
    spans = {fold_text(match["name"]): match.span("name") for match in _kind_pattern(kind).finditer(text)}
    return [Span(*span) for span in spans.values()]


@lru_cache(maxsize=64)
def _kind_pattern(kind: str) -> re.Pattern[str]:
    """Return a pattern for names with the noun of a kind: "Heron bridge", "bridge of Arden", «جسر الغزال»."""
    noun = re.escape(kind.removesuffix("s"))
    if not kind.isascii():
        return re.compile(rf"(?<!\w)[وفبلك]?(?P<name>{noun}\s+ال\w+(?:\s+ال\w+)?)")
    capital = r"(?!(?:The|A|An|This|That|Its|His|Her|Our|Their|Every|Each|No|One|New|Old)\b)[A-Z][\w'’-]+"
    before = rf"(?:{capital}\s+){{1,3}}(?i:{noun})\b"
    after = rf"\b(?i:{noun})\s+(?:of|at)\s+(?:the\s+)?{capital}(?:\s+{capital})*"
    return re.compile(rf"(?P<name>{before}|{after})")


def _shared_name(sentence: str, title: str) -> Span | None:
    """Return the one name of an English sentence that its title has, too."""
    titled = TextWords(title)
    names = {
        match.group(): Span(*match.span())
        for match in _CAPITALS.finditer(sentence)
        if match.group().lower() not in STOP_WORDS and all(titled.has(word) for word in match.group().split())
    }
    return next(iter(names.values())) if len(names) == 1 else None
