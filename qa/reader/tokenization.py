"""Tokenization of the reader's input: question, title, date and excerpt in one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qa.reader.base import Context

MAX_INPUT_TOKENS = 448
"""Maximum tokens; longer inputs are truncated at the end."""
MAX_TITLE_TOKENS = 120
"""Maximum characters of a title; longer ones are truncated."""


@dataclass(frozen=True)
class ReaderInput:
    """Token ids, and the offset mapping into the excerpt: (start, end), or `None` for tokens before it.

    Token 0 is before the excerpt, and stands for "not here".
    """

    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int] | None, ...]


def encode(tokenizer: Any, question: str, contexts: Sequence[Context]) -> list[ReaderInput]:
    """Return one `ReaderInput` per context. Texts must be in plain form (`index.text.folding.to_plain_form`)."""
    heads = [_head(question, context) for context in contexts]
    encoded = tokenizer(
        [head + context.text for head, context in zip(heads, contexts, strict=True)],
        truncation=True,
        max_length=MAX_INPUT_TOKENS,
        return_offsets_mapping=True,
    )
    return [
        ReaderInput(tuple(ids), tuple(_excerpt_offset(start - len(head), end - len(head)) for start, end in offsets))
        for head, ids, offsets in zip(heads, encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]


def _head(question: str, context: Context) -> str:
    """Build the part before the excerpt. Without the title, "1,450 people voted." is about no town."""
    fields = {"question": question, "title": context.title[:MAX_TITLE_TOKENS], "date": context.date}
    parts = [f"{name}: {' '.join(text.split())} | " for name, text in fields.items() if text or name == "question"]
    return "".join(parts) + "context: "


def _excerpt_offset(start: int, end: int) -> tuple[int, int] | None:
    # The token of the first word begins with the space before it.
    return (max(start, 0), end) if end > 0 and end > start else None
