"""Input of the reader's network: question, title and date of the article, and excerpt, in one line of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qa.reading.reader import Context

LONGEST = 448
"""Tokens of an input; of longer ones the end is not read."""
LONGEST_TITLE = 120
"""Characters of a title; of longer ones the end is not read."""


@dataclass(frozen=True)
class Input:
    """Token ids, and for each the (start, end) of its characters in the excerpt; `None` for those before the excerpt.

    Token 0 is before the excerpt, and stands for "not here".
    """

    ids: tuple[int, ...]
    places: tuple[tuple[int, int] | None, ...]


def encode(tokenizer: Any, question: str, contexts: Sequence[Context]) -> list[Input]:
    """One `Input` a context. All texts are in plain form already (`index.text.folding.to_plain_form`)."""
    heads = [_head(question, context) for context in contexts]
    encoded = tokenizer(
        [head + context.text for head, context in zip(heads, contexts, strict=True)],
        truncation=True,
        max_length=LONGEST,
        return_offsets_mapping=True,
    )
    return [
        Input(tuple(ids), tuple(_place(start - len(head), end - len(head)) for start, end in offsets))
        for head, ids, offsets in zip(heads, encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]


def _head(question: str, context: Context) -> str:
    """Everything before the excerpt: without its article's title, "1,450 people voted." is about no town."""
    named = {"question": question, "title": context.title[:LONGEST_TITLE], "date": context.date}
    parts = [f"{name}: {' '.join(text.split())} | " for name, text in named.items() if text or name == "question"]
    return "".join(parts) + "context: "


def _place(start: int, end: int) -> tuple[int, int] | None:
    # The token of the first word begins with the space before it.
    return (max(start, 0), end) if end > 0 and end > start else None
