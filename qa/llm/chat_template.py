"""The LLM's own chat template, as its file carries it.

What a message says is kept apart from what the template puts around it: an article in which `<|im_start|>system`
stands must not open a message of its own.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

# For the rare file that has no template of its own: the form that most small models were tuned with.
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


_PLACE = re.compile("\ue000(\\d+)\ue001")
"""Where a message goes. The characters are for private use, and only ever stand in what the template renders."""


class ChatMessage(Protocol):
    """A message: who says what."""

    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


@dataclass(frozen=True)
class Segment:
    """A stretch of a prompt. In one of the `template` the model's marks have their meaning; elsewhere they are text."""

    text: str
    template: bool


class ChatTemplate:
    """Renders a conversation to the text that the model was tuned on."""

    def __init__(self, source: str | None, special_tokens: Mapping[str, str]) -> None:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        self._render = {
            answer: Jinja2ChatFormatter(source or _CHATML, add_generation_prompt=answer, **dict(special_tokens))
            for answer in (True, False)
        }

    def render(self, messages: Sequence[ChatMessage], answer: bool) -> list[Segment]:
        """The prompt; with `answer`, up to where the assistant begins to speak."""
        named = [{"role": message.role, "content": f"\ue000{n}\ue001"} for n, message in enumerate(messages)]
        pieces = _PLACE.split(str(self._render[answer](messages=named).prompt))
        return [
            Segment(messages[int(piece)].content if place else piece, template=not place)
            for piece, place in zip(pieces, itertools.cycle((False, True)), strict=False)
            if piece
        ]
