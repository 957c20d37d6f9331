"""Small talk: greetings, thanks, "what can you do?" and other input that is not about the articles.

Every word must belong to such a phrase, so that no question about an article is treated as small talk. The phrases and
the replies are in `prompts/talk.*.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from index.articles import Language
from index.text.folding import fold_text
from qa.prompts import prompt_table

Kind = Literal["collection", "abilities", "greeting", "thanks", "farewell"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""In order of priority: "Hello! What can you do?" asks for abilities."""
EXAMPLES = 4
"""Number of titles in the reply to a question about the collection."""
_MAX_WORDS = 20
"""Maximum words of small talk. In a longer text the pattern could backtrack over too many splits into phrases."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class SmalltalkConfig:
    """Small talk of one language: the phrases by kind, filler words allowed between them, and the replies."""

    phrases: dict[Kind, tuple[str, ...]]
    fillers: tuple[str, ...]
    replies: dict[Kind, str]
    nothing: str
    count: dict[str, str]


@cache
def talk(language: Language) -> SmalltalkConfig:
    """Load the small talk of `language`."""
    table = prompt_table("talk", language)
    return SmalltalkConfig(
        phrases={kind: tuple(map(_plain, table[kind]["heard"])) for kind in KINDS},
        fillers=tuple(map(_plain, table["fillers"])),
        replies={kind: table[kind]["said"] for kind in KINDS},
        nothing=table["collection"]["none"],
        count=table["collection"]["count"],
    )


def classify(question: str) -> Kind | None:
    """Return the kind of small talk, or `None` for anything else."""
    text = _plain(question)
    if len(text.split()) > _MAX_WORDS:
        return None
    kinds = [kind for kind in KINDS if any(re.search(_phrase_pattern(phrase), text) for phrase in _phrases(kind))]
    return kinds[0] if kinds and _smalltalk_pattern().fullmatch(text) else None


def reply(kind: Kind, language: Language, titles: Sequence[str], count: int) -> str:
    """Return the reply; `titles` are some of the `count` articles in the collection."""
    config = talk(language)
    if kind == "collection" and not count:
        return config.nothing
    # Titles may have commas and quotation marks.
    title_list = ("؛ " if language == "ar" else "; ").join(title.rstrip(".") for title in titles[:EXAMPLES])
    return config.replies[kind].format(count=pluralize_articles(count, language), titles=title_list)


def pluralize_articles(count: int, language: Language) -> str:
    """Format the number of articles with the right plural form (Unicode's plural rules)."""
    return talk(language).count[plural_form(count, language)].format(n=count)


def plural_form(count: int, language: Language) -> str:
    """Return the plural form of a count of articles: a key of `count` in `prompts/talk.*.toml`."""
    form = "one" if count == 1 else "many"
    if language == "ar":
        rest = count % 100
        form = "one" if count == 1 else "two" if count == 2 else "few" if 3 <= rest <= 10 else "many"
        form = "other" if form == "many" and rest < 3 else form
    return form


def _phrases(kind: Kind) -> tuple[str, ...]:
    return (*talk("ar").phrases[kind], *talk("en").phrases[kind])


@cache
def _smalltalk_pattern() -> re.Pattern[str]:
    """Pattern for an utterance of only such phrases and fillers, in either language or both."""
    phrases = [phrase for kind in KINDS for phrase in _phrases(kind)]
    parts = sorted({*phrases, *talk("ar").fillers, *talk("en").fillers}, key=len, reverse=True)
    part = f"(?:{'|'.join(map(re.escape, parts))})"
    return re.compile(rf"(?:و\s?|and )?{part}(?:\s+(?:و\s?|and )?{part})*")


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(fold_text(text.replace("'", "").replace("’", ""))))


def _phrase_pattern(phrase: str) -> str:
    return rf"(?<!\w)و?{re.escape(phrase)}(?!\w)"
