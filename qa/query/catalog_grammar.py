"""Questions about the catalogue as parsed, and the form in which a language's patterns for them are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from index.articles import Language

Wanted = Literal["author", "date", "source", "count", "list", "newest", "oldest", "authors", "sources"]
Pick = Literal["newest", "oldest", "most"]
Scope = Literal["about", "mention", "title", "whole title"]
Parts = Literal["noun", "plain noun", "named noun", "conditions", "opening"]
ConditionKind = Literal["skip", "arabic", "english", "author", "source", "topic", "mention", "title", "quote", "owner"]


@dataclass(frozen=True)
class CatalogQuestion:
    """A question that the catalogue answers; conditions that are `None` or empty were not stated.

    `topic` is what the articles are about, in the question's words, perhaps followed by conditions that only the
    catalogue can tell from it ("the attack on the port by rebels in The Buoy"). `scope` is where it must be found:
    in title or text ("about"; "mention" where a mention is enough), in the title, or as the whole title. `owner` is a
    name that may be an author, a source, or part of the topic ("Huda's article", «مقال هدى»). `since` and `until` are
    prefixes of ISO dates, both inclusive; `month_day` is "05" or "05-03" of any year. `pick` is which of several
    articles is meant, or which author or source ("most"). `certain` says whether the question is surely about articles
    of the collection: others ("the story about …") may be about what the articles tell.
    """

    wanted: Wanted
    question: str
    topic: str = ""
    scope: Scope = "about"
    author: str | None = None
    source: str | None = None
    owner: str | None = None
    language: Language | None = None
    since: str | None = None
    until: str | None = None
    month_day: str | None = None
    pick: Pick | None = None
    certain: bool = True


@dataclass(frozen=True)
class Head:
    """A form of questions: `opening`, a noun phrase, `middle`, the conditions, `closing`.

    `parts` says which of these there are: a noun phrase (one that may be a construct, one that is none, or one after a
    name, as in «متى نشرت القنديل مقالها») and conditions, conditions alone, or nothing but the opening. Named groups
    of `opening`: `name` (an author or source), `topic`, `claim` (a topic that is reported), `paper` (a source). A head
    without a noun phrase is `certain` or not.
    """

    wanted: Wanted
    opening: re.Pattern[str]
    middle: re.Pattern[str]
    closing: re.Pattern[str]
    parts: Parts
    pick: Pick | None = None
    certain: bool = True


@dataclass(frozen=True)
class Condition:
    """A pattern at the beginning of a condition; what it introduces (a name, a topic, a title) comes after it.

    A group `name` in the pattern is the name itself, if it comes first ("that Huda wrote").
    """

    kind: ConditionKind
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Grammar:
    """Patterns of one language, for folded text.

    The groups of `noun_phrase`: `strong` (an article in any case), `weak` (a story, an item: an article where it is
    said what about) or `genre` (a sermon, a recipe: an article where the topic is its title), `owner`, `newest`,
    `oldest` (or `newest_after`, `oldest_after`), `year`, `arabic`, `english`.

    A construct («مقال هدى») has `strong_construct` or `genre_construct` instead, and its owner comes after it.

    `politeness` may precede any question. `not_articles` excludes a question. A name ends before `name_end` or at the
    end, an owner before `owner_end`, a topic before `topic_end`, if conditions follow there. `clause` in the topic of
    a count or a list means that the question is about something else. `no_topic` is what cannot begin a topic.
    """

    noun_phrase: re.Pattern[str]
    politeness: re.Pattern[str]
    not_articles: re.Pattern[str]
    heads: tuple[Head, ...]
    conditions: tuple[Condition, ...]
    name_end: re.Pattern[str]
    topic_end: re.Pattern[str]
    owner_end: re.Pattern[str]
    clause: re.Pattern[str]
    no_topic: re.Pattern[str]


_MARKERS: tuple[tuple[str, Parts], ...] = (
    ("<name><noun>", "named noun"),
    ("<noun>", "noun"),
    ("<plain>", "plain noun"),
    ("<rest>", "conditions"),
)


def heads(wanted: Wanted, *forms: str, pick: Pick | None = None, certain: bool = True) -> tuple[Head, ...]:
    """Compile forms of questions.

    `<noun>` is the noun phrase, `<plain>` one that is no construct, `<name><noun>` one after a name; `<rest>` are the
    conditions, directly after the noun phrase by default.
    """
    return tuple(_head(wanted, form, pick, certain) for form in forms)


def _head(wanted: Wanted, form: str, pick: Pick | None, certain: bool) -> Head:
    parts: Parts = "opening"
    middle, closing = "", ""
    for marker, found in _MARKERS:
        if marker in form:
            parts = found
            form, _, closing = form.partition(marker)
            if "<rest>" in closing:
                middle, _, closing = closing.partition("<rest>")
            break
    return Head(
        wanted,
        re.compile(rf"{form}{'$' * (parts == 'opening')}"),
        re.compile(middle),
        re.compile(rf"(?:{closing})$"),
        parts,
        pick,
        certain,
    )


def conditions(*pairs: tuple[ConditionKind, str]) -> tuple[Condition, ...]:
    """Compile the patterns of conditions; white space and commas before them are ignored."""
    return tuple(Condition(kind, re.compile(rf"[\s,،;:]*(?:{pattern})")) for kind, pattern in pairs)
