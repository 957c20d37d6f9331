"""The prompts, from files in `prompts/`: read once, checked when read, filled in here."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from index.articles import Language
from qa.llm.generate import Message, Prompt

_VARIABLES: dict[str, set[str]] = {
    "system": set(),
    "sentence": {"text"},
    "question": {"question"},
    "none": set(),
    "declined": set(),
    "rephrase": set(),
}


@dataclass(frozen=True)
class AnswerPrompt:
    """How one language's questions are put to the LLM, and what it and Jawab say when there is no answer."""

    sentence: str
    question: str
    none: str
    declined: str
    rephrase: str
    head: tuple[Message, ...]

    def ask(self, question: str, sentences: Sequence[str]) -> Prompt:
        """The prompt for the phrase that answers. Each of `sentences` is on one line, and stays data there."""
        return Prompt(self.head, (Message("user", _turn(self.sentence, self.question, question, sentences)),))

    def ask_for_sentence(self, asked: Prompt, phrase: str) -> Prompt:
        """The prompt that goes on from `asked`: the phrase is settled, now a sentence around it."""
        return asked.then(Message("assistant", phrase), Message("user", self.rephrase))


@cache
def answer_prompt(language: Language) -> AnswerPrompt:
    """The prompt for questions in `language`."""
    return answer_prompt_of(prompt_table("answer", language))


def prompt_table(name: str, language: Language) -> dict[str, Any]:
    """What the prompt file `name` has for `language`."""
    return tomllib.loads(files("prompts").joinpath(f"{name}.{language}.toml").read_text(encoding="utf-8"))


def answer_prompt_of(table: dict[str, Any]) -> AnswerPrompt:
    """The prompt of a file's table. Raises `ValueError` if a key or a variable is missing or unknown."""
    table = dict(table)
    examples = table.pop("examples")
    if table.keys() != _VARIABLES.keys():
        raise ValueError(f"a prompt file has the keys {sorted(_VARIABLES)} and examples, not {sorted(table)}")
    for key, wanted in _VARIABLES.items():
        found = {name for _, name, _, _ in string.Formatter().parse(table[key]) if name is not None}
        if found != wanted:
            raise ValueError(f"{key} has the variables {sorted(found)}, not {sorted(wanted)}")
    head = [Message("system", table.pop("system").strip())]
    for example in examples:
        turn = _turn(table["sentence"], table["question"], example["question"], example["sentences"])
        head += [Message("user", turn), Message("assistant", example["phrase"])]
        if "answer" in example:
            head += [Message("user", table["rephrase"]), Message("assistant", example["answer"])]
    return AnswerPrompt(head=tuple(head), **table)


def _turn(sentence: str, ask: str, question: str, sentences: Sequence[str]) -> str:
    lines = [sentence.format(text=text) for text in sentences]
    return "\n".join([*lines, ask.format(question=" ".join(question.split()))])
