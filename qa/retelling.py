"""A sentence of an article told in the asker's language: as it stands, or by the LLM, and then checked."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from index.articles import Language
from index.text.language import language_of
from qa.checking.sentence import Grounds, faults
from qa.evidence import Evidence
from qa.generate import Generator, Message, Prompt

TOKENS = 120
# A sentence that stood after another begins as if it still did.
_CONNECTIVE = re.compile(r"^(?:(?:However|But|And|So|Moreover|Also|Then|Yet),?\s+)(?=\S)|^(?:كما|لكن|ثم|غير) أنّ?\w*\s+")


def told(evidence: Evidence, question: str, language: Language, generator: Generator | None) -> str:
    """The sentence in `language`; as the article has it where that is its language, or where nothing better holds."""
    text = evidence.text
    if language_of(text) == language or generator is None:
        return _begun(text)
    turn = Message("user", text)
    said = " ".join("".join(generator.write(Prompt(_head(language), (turn,)), TOKENS)).split())
    grounds = Grounds(question, text, "", evidence.article.title)
    # What an answer is asked in decides its language, and a question may have been in the other.
    wrong = [fault for fault in faults(said, grounds) if fault.kind != "language"]
    return text if wrong or language_of(said) != language else said


def _begun(text: str) -> str:
    rest = _CONNECTIVE.sub("", text)
    return rest[:1].upper() + rest[1:]


@cache
def _head(language: Language) -> tuple[Message, ...]:
    prompt = tomllib.loads(files("prompts").joinpath(f"retell.{language}.toml").read_text(encoding="utf-8"))
    head = [Message("system", prompt["system"].strip())]
    for example in prompt["examples"]:
        head += [Message("user", example["text"]), Message("assistant", example["said"])]
    return tuple(head)
