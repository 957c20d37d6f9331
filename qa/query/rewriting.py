"""Rewrite a follow-up with the LLM so that it stands alone; only words of the conversation may be added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from index.articles import Language
from index.text.language import detect_language
from index.text.words import query_tokens
from qa.errors import PromptTooLong
from qa.llm.base import LLM, Message, Prompt
from qa.prompts import head_of, on_one_line, prompt_table
from qa.query.followup import KEPT, HistoryTurn

TOKENS = 60
_OWN_WORDS = 0.6
"""Minimum share of the question's own words in the rewritten one."""


def rewrite_follow_up(question: str, history: Sequence[HistoryTurn], generator: LLM) -> str | None:
    """Return the question rewritten by the LLM; `None` if the result is not acceptable, or if the prompt is too
    long."""
    prompt = _prompt(detect_language(question))
    turn = Message("user", _turn(prompt, history[-KEPT:], question))
    try:
        pieces = list(generator.stream(Prompt(_head(detect_language(question)), (turn,)), TOKENS))
    except PromptTooLong:
        return None
    written = " ".join("".join(pieces).split())
    return written if _may_be_asked(written, question, history) else None


def _may_be_asked(written: str, question: str, history: Sequence[HistoryTurn]) -> bool:
    """Return whether a rewritten question is a question, in the same language, with only words of the conversation.

    It must ask what the question asks, and not repeat an earlier question.
    """
    if not written.endswith(("?", "؟")) or detect_language(written) != detect_language(question):
        return False
    said = set(query_tokens(question).values())
    before = {w for e in history for w in query_tokens(f"{e.question} {e.phrase or ''}").values()}
    words = set(query_tokens(written).values())
    if any(words == set(query_tokens(exchange.question).values()) for exchange in history):
        return False
    new, kept = words - said, len(words & said)
    return bool(new & before) and new <= before and kept >= _OWN_WORDS * len(said) and written.count("?") <= 1


@cache
def _prompt(language: Language) -> dict[str, Any]:
    return prompt_table("rewrite", language)


@cache
def _head(language: Language) -> tuple[Message, ...]:
    prompt = _prompt(language)
    examples = [
        (_turn(prompt, [HistoryTurn(**exchange) for exchange in one["exchanges"]], one["question"]), one["alone"])
        for one in prompt["examples"]
    ]
    return head_of(prompt["system"], examples)


def _turn(prompt: Mapping[str, str], exchanges: Sequence[HistoryTurn], question: str) -> str:
    lines = []
    for exchange in exchanges:
        lines.append(prompt["asked"].format(question=on_one_line(exchange.question)))
        if exchange.phrase:
            lines.append(prompt["said"].format(phrase=on_one_line(exchange.phrase)))
    return "\n".join([*lines, prompt["last"].format(question=on_one_line(question))])
