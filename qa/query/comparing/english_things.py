"""The things that an English question compares: "A, B or C", "A and B", and what cannot be the name of one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.query.comparing.english_measures import PREPOSITIONS
from qa.query.comparing.english_verbs import base_form
from qa.query.comparing.model import is_thing

_NOT_A_THING = re.compile(
    r"^(?:it|they|he|she|we|you|i|them|him|her|us|there|both|neither|either|other|the others?"
    r"|not|no|yes|before|after|less|more|any|someone|somebody|people|so|ever|expected|usual|average|the average"
    r"|(?:the )?(?:morning|afternoon|evening|night|noon|midnight|day|week|month|year)s?)\b"
    r"|^(?:this|that|these|those)$|^\d+(?:[.,]\d+)?(?: (?:per cent|percent|%|\w+s))?$"
)
_LINKS = frozenset({"or", "and", "of", "the", "not", "than", "is", "was"})
_ORDINAL = re.compile(r"(?:the )?(?:first|second|third|\w+th|\d+(?:st|nd|rd|th))", re.IGNORECASE)
_YEAR = re.compile(r"(?:1\d|20)\d\d")
_VAGUE_KIND = re.compile(
    r"(?:day|week|month|year|time|hour|date|price|score|number|temperature|age|result|amount|figure|part|thing|point"
    r"|reason|way|word|one|of|is|was|are|were|percentage|share|rate|level|speed|height|length|depth|width|weight|size|cost"
    r"|fee|fare|bid|offer|mark|grade|total|count|sum|salary|wage|value|record|dose|moment|stage"
    r"|article|report|story|storie|text|paper|newspaper|new|source|passage)s?"
)
_MAX_KIND_WORDS = 2


def valid_things(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names; none unless there are several, and each can be a name, or all are years."""
    named = tuple(name for name in names if name)
    good = len(named) > 1 and (all(map(_YEAR.fullmatch, named)) or all(map(_is_name, named)))
    return named if good else ()


def alternatives(words: str) -> tuple[str, ...]:
    """Return the names of "A, B or C"."""
    return valid_things([bare_name(name) for name in re.split(r"\s*,\s*(?:(?:or|and)\s+)?|\s+or\s+", words)])


def conjoined(words: str) -> tuple[str, ...]:
    """Return the names of "A and B" or "A, B and C"; none of "A and B and C", which may be two."""
    parts = re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", words)
    clear = len(parts) in (2, words.count(",") + 1, words.count(",") + 2)
    return valid_things([bare_name(part) for part in parts]) if clear else ()


def bare_name(name: str) -> str:
    """Return a name without the preposition before it."""
    return re.sub(rf"^(?:{PREPOSITIONS}|that of|those of)\s+", "", name.strip(" ,;:"), flags=re.IGNORECASE)


def preposition_of(words: str) -> str:
    """Return the preposition before a name, if any."""
    match = re.match(rf"({PREPOSITIONS})\s", words.strip().lower())
    return match[1] if match else ""


def with_kind(names: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """Complete "the seventh", of the "class", to "the seventh class"."""
    return tuple(f"{name} {kind}" if kind and _ORDINAL.fullmatch(name) else name for name in names)


def with_head(first: str, second: str) -> tuple[str, str]:
    """Complete "the fifth" after "the sixth festival"."""
    head = first.split()[2:]
    is_short = len(second.split()) == 2 and second.lower().startswith("the ") and _ORDINAL.fullmatch(second)
    return first, " ".join([second, *head]) if is_short and head else second


def with_that(first: str, other: str) -> tuple[str, str]:
    """Complete "that of Brill" after "the bus shelter of Arden"."""
    that = re.match(r"(?:that|those|the one) (?P<place>of|in|at|from|for) ", other)
    head, place, _ = first.rpartition(f" {that['place']} ") if that else ("", "", "")
    return (first, f"{head}{place}{other[that.end() :]}") if that and head else (first, bare_name(other))


def kind_of_things(noun: str) -> str:
    """Return a noun that names a kind of things with articles of their own; empty for any other."""
    words = noun.split()
    vague = not words or any(map(_VAGUE_KIND.fullmatch, words))
    return "" if vague or len(words) > _MAX_KIND_WORDS else noun


def _is_name(name: str) -> bool:
    """Return whether a stretch can be a name: no pronoun, no time, no clause."""
    words = name.split()
    if not is_thing(name) or _NOT_A_THING.search(name.lower()) or words[-1].lower() in _LINKS:
        return False
    has_verb = any(word.endswith("s") and word.islower() and base_form(word) for word in words[1:-1])
    is_clause = has_verb or base_form(words[0]) == words[0] or (len(words) == 1 and words[0].endswith("ed"))
    return not (words[0].islower() and is_clause)
