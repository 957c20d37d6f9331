"""Prompts from files in `prompts/`: loaded once, validated, and filled in here."""

from __future__ import annotations

import itertools
import string
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from index.articles import Language
from index.text.folding import fold_text
from qa.llm.base import Message, Prompt

_ANSWER_VARIABLES: dict[str, set[str]] = {
    "system": set(),
    "sentence": {"text"},
    "question": {"question"},
    "none": set(),
    "declined": set(),
    "other": {"phrase"},
    "missing": {"names"},
    "quoted": {"text"},
    "separator": set(),
}
_SENTENCE_VARIABLES: dict[str, set[str]] = {"system": set(), "turn": {"sentence", "question", "phrase"}}
"""The keys of the prompt files, and the variables of each."""


@dataclass(frozen=True)
class AnswerPrompt:
    """Prompt for the answering phrase in one language, and the texts of LLM and Jawab when there is no answer.

    `other` is the sentence for a second phrase that may answer, `missing` that for names which no article has."""

    sentence: str
    question: str
    none: str
    declined: str
    other: str
    missing: str
    quoted: str
    separator: str
    head: tuple[Message, ...]

    def ask(self, question: str, sentences: Sequence[str]) -> Prompt:
        """Return the prompt for the answering phrase. Each of `sentences` is on one line, so that it stays data."""
        return Prompt(self.head, (Message("user", _turn(self.sentence, self.question, question, sentences)),))


@dataclass(frozen=True)
class SentencePrompt:
    """Prompt for a sentence around a given phrase, in one language."""

    turn: str
    head: tuple[Message, ...]

    def ask(self, question: str, sentence: str, phrase: str) -> Prompt:
        """Return the prompt for a sentence based on the article's `sentence`. Each text stays data on one line."""
        return Prompt(self.head, (Message("user", _fill(self.turn, question, sentence, phrase)),))


@cache
def answer_prompt(language: Language) -> AnswerPrompt:
    """Load the prompt for the phrase that answers a question in `language`."""
    return answer_prompt_of(prompt_table("answer", language))


@cache
def refusals() -> frozenset[str]:
    """Return the words, folded, by which the LLM says that the sentences do not answer, in both languages."""
    languages: tuple[Language, ...] = ("ar", "en")
    return frozenset(fold_text(answer_prompt(language).none) for language in languages)


@cache
def sentence_prompt(language: Language) -> SentencePrompt:
    """Load the prompt for a sentence in `language` around a phrase."""
    return sentence_prompt_of(prompt_table("sentence", language))


def prompt_table(name: str, language: Language) -> dict[str, Any]:
    """Load the prompt file `name` for `language`."""
    return tomllib.loads(files("prompts").joinpath(f"{name}.{language}.toml").read_text(encoding="utf-8"))


def answer_prompt_of(table: dict[str, Any]) -> AnswerPrompt:
    """The prompt of a file's table. Raises `ValueError` if a key or a variable is missing or unknown."""
    texts, examples = _validate(table, _ANSWER_VARIABLES)
    turns = (
        (_turn(texts["sentence"], texts["question"], example["question"], example["sentences"]), example["phrase"])
        for example in examples
    )
    return AnswerPrompt(head=head_of(texts.pop("system"), list(turns)), **texts)


def sentence_prompt_of(table: dict[str, Any]) -> SentencePrompt:
    """The prompt of a file's table. Raises `ValueError` if a key or a variable is missing or unknown."""
    texts, examples = _validate(table, _SENTENCE_VARIABLES)
    turns = (
        (_fill(texts["turn"], example["question"], example["sentence"], example["phrase"]), example["answer"])
        for example in examples
    )
    return SentencePrompt(head=head_of(texts.pop("system"), list(turns)), **texts)


def head_of(system: str, examples: Sequence[tuple[str, str]]) -> tuple[Message, ...]:
    """Return the fixed head of a language's prompts: the instruction, and examples of questions and answers."""
    turns = [(Message("user", question), Message("assistant", answer)) for question, answer in examples]
    return (Message("system", system.strip()), *itertools.chain.from_iterable(turns))


def _validate(table: dict[str, Any], required: dict[str, set[str]]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return a prompt file's texts and examples. Raises `ValueError` if a key or a variable is missing or unknown."""
    texts = dict(table)
    examples = texts.pop("examples")
    if texts.keys() != required.keys():
        raise ValueError(f"a prompt file has the keys {sorted(required)} and examples, not {sorted(texts)}")
    for key, variables in required.items():
        names = {name for _, name, _, _ in string.Formatter().parse(texts[key]) if name is not None}
        if names != variables:
            raise ValueError(f"{key} has the variables {sorted(names)}, not {sorted(variables)}")
    return texts, examples


def _turn(sentence_template: str, question_template: str, question: str, sentences: Sequence[str]) -> str:
    lines = [sentence_template.format(text=text) for text in sentences]
    return "\n".join([*lines, question_template.format(question=on_one_line(question))])


def _fill(turn: str, question: str, sentence: str, phrase: str) -> str:
    texts = {"question": question, "sentence": sentence, "phrase": phrase}
    return turn.strip().format(**{name: on_one_line(text) for name, text in texts.items()})


def on_one_line(text: str) -> str:
    """Collapse text to one line, so that text from an article or a question cannot look like a line of the prompt."""
    return " ".join(text.split())
