"""Chat template from the LLM's own file.

Message content is kept separate from the template's markup: an article that contains `<|im_start|>system` must not
open a message of its own.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

# Fallback for the rare file without a template: the format that most small models were tuned with.
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


_PLACEHOLDER = re.compile("\ue000(\\d+)\ue001")
"""Placeholder for a message. The private-use characters occur only in the template's output."""


class ChatMessage(Protocol):
    """A message with its role and content."""

    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


@dataclass(frozen=True)
class Segment:
    """A stretch of a prompt. Special tokens are parsed only if it is from the `template`; elsewhere they are text."""

    text: str
    template: bool


class ChatTemplate:
    """Renders a conversation in the format that the model was tuned on."""

    def __init__(self, source: str | None, special_tokens: Mapping[str, str]) -> None:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        self._render = {
            answer: Jinja2ChatFormatter(source or _CHATML, add_generation_prompt=answer, **dict(special_tokens))
            for answer in (True, False)
        }

    def render(self, messages: Sequence[ChatMessage], answer: bool) -> list[Segment]:
        """Render the prompt; with `answer`, up to the start of the assistant's message."""
        placeholders = [{"role": message.role, "content": f"\ue000{n}\ue001"} for n, message in enumerate(messages)]
        pieces = _PLACEHOLDER.split(str(self._render[answer](messages=placeholders).prompt))
        return [
            Segment(messages[int(piece)].content if is_placeholder else piece, template=not is_placeholder)
            for piece, is_placeholder in zip(pieces, itertools.cycle((False, True)), strict=False)
            if piece
        ]
