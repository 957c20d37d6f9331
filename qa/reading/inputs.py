"""What the reader's network is given: question and excerpt in one line, and where its tokens stand in the excerpt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 448
"""Tokens of question and excerpt together; of longer ones the end is not read."""


@dataclass(frozen=True)
class Input:
    """Token ids, and for each the (start, end) of its characters in the excerpt; `None` for those of the question.

    Token 0 is of the question's part, and stands for "not here".
    """

    ids: tuple[int, ...]
    places: tuple[tuple[int, int] | None, ...]


def encode(tokenizer: Any, question: str, excerpts: Sequence[str]) -> list[Input]:
    """One `Input` an excerpt. Question and excerpts are in plain form already (`index.text.folding.plain`)."""
    head = f"question: {' '.join(question.split())} | context: "
    encoded = tokenizer(
        [head + excerpt for excerpt in excerpts], truncation=True, max_length=LONGEST, return_offsets_mapping=True
    )
    return [
        Input(tuple(ids), tuple(_place(start - len(head), end - len(head)) for start, end in offsets))
        for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]


def _place(start: int, end: int) -> tuple[int, int] | None:
    # The token of the first word begins with the space before it.
    return (max(start, 0), end) if end > 0 and end > start else None
