"""Faithfulness checks: find content of an LLM's sentence that its quotation does not support.

Checked are language, form, phrase, numbers, months and weekdays, and names. Content of the question or of the article's
title was not invented by the LLM, and counts as supported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from index.text.folding import fold_text
from index.text.language import detect_language
from index.text.sentences import sentences
from qa.verification.calendar import months, weekdays
from qa.verification.names import missing_names, misspelled_names, unsupported_names
from qa.verification.numbers import parse_numbers, possible_values

IssueKind = Literal["empty", "language", "form", "phrase", "number", "date", "name", "translation"]

_MARKUP = re.compile(r"[<>{}\[\]|`\\]|://|\w@\w")
"""Markup, links, addresses and the marks of chat templates, which no plain sentence has."""
_ASKING = re.compile(r"(?:who|whom|whose|what|which|when|where|why|how)\b|(?:هل|متي|كم|اين|ماذا|لماذا|كيف|من|ما)\b")
"""Folded. First words of a question."""
_OTHER_SCRIPT = {"ar": re.compile(r"[A-Za-z]{2,}"), "en": re.compile(r"[\u0621-\u064a]{2,}")}


@dataclass(frozen=True)
class Issue:
    """Something in a sentence that its quotation does not support; `said` is the offending text, if any."""

    kind: IssueKind
    said: str = ""


@dataclass(frozen=True)
class Sources:
    """Sources that must support a sentence: the question, the quotation, its answering phrase, and the title."""

    question: str
    quote: str
    phrase: str
    title: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.quote, self.question, self.title)


def check_sentence(sentence: str, grounds: Sources) -> list[Issue]:
    """Return the issues of a sentence, the gravest first; empty if none is found."""
    if not sentence.strip():
        return [Issue("empty")]
    if detect_language(sentence) != detect_language(grounds.question):
        return [Issue("language")]
    found = [
        *_form(sentence, grounds),
        *_phrase(sentence, grounds),
        *_numbers(sentence, grounds),
        *_dates(sentence, grounds),
    ]
    return found + [Issue("name", name) for name in _names(sentence, grounds)]


def _form(sentence: str, grounds: Sources) -> Iterator[Issue]:
    """Check for one plain sentence: an article may command an LLM to write something beside the answer."""
    if len(sentences(sentence)) > max(1, len(sentences(grounds.phrase))):
        yield Issue("form")
    asked, said = fold_text(grounds.question).split(), fold_text(sentence).split()
    # "When it opened" is no question; "when did it open" is the one that was asked.
    if asked[:2] == said[:2] and _ASKING.match(asked[0]):
        yield Issue("form", " ".join(sentence.split()[:2]))
    given = " ".join((grounds.quote, grounds.question))
    for word in sentence.split():
        if _MARKUP.search(word) and word not in given:
            yield Issue("form", word)
    sources = fold_text(" ".join(grounds.sources))
    for word in _OTHER_SCRIPT[detect_language(grounds.question)].findall(sentence):
        if fold_text(word) not in sources:
            yield Issue("form", word)


def _phrase(sentence: str, grounds: Sources) -> Iterator[Issue]:
    """Check for the phrase: its words if the sentence is in the article's language, else its numbers."""
    if detect_language(grounds.quote) == detect_language(sentence):
        if not _contains(sentence, grounds.phrase):
            yield Issue("phrase", grounds.phrase)
        return
    meant = possible_values(sentence)
    if any(not said.readings & meant for said in parse_numbers(grounds.phrase)):
        yield Issue("phrase", grounds.phrase)


def _numbers(sentence: str, grounds: Sources) -> Iterator[Issue]:
    borne_out = frozenset().union(*map(possible_values, grounds.sources))
    folded = fold_text(sentence)
    for said in parse_numbers(sentence):
        if not said.readings & borne_out:
            yield Issue("number", folded[said.start : said.end])


def _dates(sentence: str, grounds: Sources) -> Iterator[Issue]:
    for named in (months, weekdays):
        if named(sentence) - frozenset().union(*map(named, grounds.sources)):
            yield Issue("date")


def _names(sentence: str, grounds: Sources) -> Sequence[str]:
    if detect_language(sentence) == "ar":
        return missing_names(grounds.phrase, sentence)
    # For a quotation in Arabic, capitalised English words may be translations that are not names: only those count
    # that sound almost like one of the article's.
    return (unsupported_names if detect_language(grounds.quote) == "en" else misspelled_names)(
        sentence, grounds.sources
    )


def _contains(sentence: str, phrase: str) -> bool:
    """Return whether every word of `phrase` is in `sentence`, ignoring clitics."""
    said = fold_text(sentence)
    return all(word.removeprefix("ال") in said for word in re.findall(r"\w+", fold_text(phrase)))
