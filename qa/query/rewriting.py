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
from qa.query.followup import MAX_EXCHANGES, HistoryTurn

TOKENS = 60
_OWN_WORDS = 0.6
"""Minimum share of the question's own words in the rewritten one."""


def rewrite_follow_up(question: str, history: Sequence[HistoryTurn], generator: LLM) -> str | None:
    """Return the question rewritten by the LLM; `None` if the result is not acceptable, or if the prompt is too
    long."""
    prompt = _prompt(detect_language(question))
    turn = Message("user", _turn(prompt, history[-MAX_EXCHANGES:], question))
    try:
        pieces = list(generator.stream(Prompt(_head(detect_language(question)), (turn,)), TOKENS))
    except PromptTooLong:
        return None
    rewritten = " ".join("".join(pieces).split())
    return rewritten if _is_acceptable(rewritten, question, history) else None


def _is_acceptable(rewritten: str, question: str, history: Sequence[HistoryTurn]) -> bool:
    """Return whether a rewritten question is a question, in the same language, with only words of the conversation.

    It must ask what the question asks, and not repeat an earlier question.
    """
    if not rewritten.endswith(("?", "؟")) or detect_language(rewritten) != detect_language(question):
        return False
    question_words = set(query_tokens(question).values())
    history_words = {
        word for exchange in history for word in query_tokens(f"{exchange.question} {exchange.phrase or ''}").values()
    }
    rewritten_words = set(query_tokens(rewritten).values())
    if any(rewritten_words == set(query_tokens(exchange.question).values()) for exchange in history):
        return False
    added, shared = rewritten_words - question_words, len(rewritten_words & question_words)
    return (
        bool(added & history_words)
        and added <= history_words
        and shared >= _OWN_WORDS * len(question_words)
        and rewritten.count("?") <= 1
    )


@cache
def _prompt(language: Language) -> dict[str, Any]:
    return prompt_table("rewrite", language)


@cache
def _head(language: Language) -> tuple[Message, ...]:
    prompt = _prompt(language)
    examples = [
        (
            _turn(prompt, [HistoryTurn(**exchange) for exchange in example["exchanges"]], example["question"]),
            example["alone"],
        )
        for example in prompt["examples"]
    ]
    return head_of(prompt["system"], examples)


def _turn(prompt: Mapping[str, str], exchanges: Sequence[HistoryTurn], question: str) -> str:
    lines = []
    for exchange in exchanges:
        lines.append(prompt["asked"].format(question=on_one_line(exchange.question)))
        if exchange.phrase:
            lines.append(prompt["said"].format(phrase=on_one_line(exchange.phrase)))
    return "\n".join([*lines, prompt["last"].format(question=on_one_line(question))])
