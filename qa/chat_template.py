"""The LLM's own chat template, as its file carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

# For the rare file that has no template of its own: the form that most small models were tuned with.
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class Spoken(Protocol):
    """A message: who says what."""

    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


class ChatTemplate:
    """Renders a conversation to the text that the model was tuned on."""

    def __init__(self, source: str | None, special_tokens: Mapping[str, str]) -> None:
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        self._render = {
            answer: Jinja2ChatFormatter(source or _CHATML, add_generation_prompt=answer, **dict(special_tokens))
            for answer in (True, False)
        }

    def render(self, messages: Sequence[Spoken], answer: bool) -> str:
        """The prompt text; with `answer`, up to where the assistant begins to speak."""
        plain = [{"role": message.role, "content": message.content} for message in messages]
        return str(self._render[answer](messages=plain).prompt)
