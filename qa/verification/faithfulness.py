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
_QUESTION_WORD = re.compile(
    r"(?:who|whom|whose|what|which|when|where|why|how)\b|(?:هل|متي|كم|اين|ماذا|لماذا|كيف|من|ما)\b"
)
"""Folded. First words of a question."""
_OTHER_SCRIPT = {"ar": re.compile(r"[A-Za-z]{2,}"), "en": re.compile(r"[\u0621-\u064a]{2,}")}


@dataclass(frozen=True)
class Issue:
    """Something in a sentence that its quotation does not support; `text` is the offending text, if any."""

    kind: IssueKind
    text: str = ""


@dataclass(frozen=True)
class Sources:
    """Sources that must support a sentence: the question, the quotation, its answering phrase, and the title."""

    question: str
    quote: str
    phrase: str
    title: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.quote, self.question, self.title)


def check_sentence(sentence: str, sources: Sources) -> list[Issue]:
    """Return the issues of a sentence, the gravest first; empty if none is found."""
    if not sentence.strip():
        return [Issue("empty")]
    if detect_language(sentence) != detect_language(sources.question):
        return [Issue("language")]
    issues = [
        *_check_form(sentence, sources),
        *_check_phrase(sentence, sources),
        *_check_numbers(sentence, sources),
        *_check_dates(sentence, sources),
    ]
    return issues + [Issue("name", name) for name in _wrong_names(sentence, sources)]


def _check_form(sentence: str, sources: Sources) -> Iterator[Issue]:
    """Check for one plain sentence: an article may command an LLM to write something beside the answer."""
    if len(sentences(sentence)) > max(1, len(sentences(sources.phrase))):
        yield Issue("form")
    question_words, sentence_words = fold_text(sources.question).split(), fold_text(sentence).split()
    # "When it opened" is no question; "when did it open" is the one that was asked.
    if question_words[:2] == sentence_words[:2] and _QUESTION_WORD.match(question_words[0]):
        yield Issue("form", " ".join(sentence.split()[:2]))
    source_text = " ".join((sources.quote, sources.question))
    for word in sentence.split():
        if _MARKUP.search(word) and word not in source_text:
            yield Issue("form", word)
    folded_sources = fold_text(" ".join(sources.texts))
    for word in _OTHER_SCRIPT[detect_language(sources.question)].findall(sentence):
        if fold_text(word) not in folded_sources:
            yield Issue("form", word)


def _check_phrase(sentence: str, sources: Sources) -> Iterator[Issue]:
    """Check for the phrase: its words if the sentence is in the article's language, else its numbers."""
    if detect_language(sources.quote) == detect_language(sentence):
        if not _contains(sentence, sources.phrase):
            yield Issue("phrase", sources.phrase)
        return
    values = possible_values(sentence)
    if any(not mention.readings & values for mention in parse_numbers(sources.phrase)):
        yield Issue("phrase", sources.phrase)


def _check_numbers(sentence: str, sources: Sources) -> Iterator[Issue]:
    supported = frozenset().union(*map(possible_values, sources.texts))
    folded = fold_text(sentence)
    for mention in parse_numbers(sentence):
        if not mention.readings & supported:
            yield Issue("number", folded[mention.start : mention.end])


def _check_dates(sentence: str, sources: Sources) -> Iterator[Issue]:
    for extract in (months, weekdays):
        if extract(sentence) - frozenset().union(*map(extract, sources.texts)):
            yield Issue("date")


def _wrong_names(sentence: str, sources: Sources) -> Sequence[str]:
    if detect_language(sentence) == "ar":
        return missing_names(sources.phrase, sentence)
    # For a quotation in Arabic, capitalised English words may be translations that are not names: only those count
    # that sound almost like one of the article's.
    return (unsupported_names if detect_language(sources.quote) == "en" else misspelled_names)(sentence, sources.texts)


def _contains(sentence: str, phrase: str) -> bool:
    """Return whether every word of `phrase` is in `sentence`, ignoring clitics."""
    folded = fold_text(sentence)
    return all(word.removeprefix("ال") in folded for word in re.findall(r"\w+", fold_text(phrase)))
