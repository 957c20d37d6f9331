"""Backends by name: an embedder or LLM is chosen by `BACKEND:TARGET`, or by a short form of it.

| short form | long form |
|---|---|
| nothing | `model:` and the default model's name |
| a name of models.txt | `model:NAME` |
| a path (with a slash, or `.gguf`) | `file:PATH` |
| `http://…`, `https://…` | `openai:URL` |
| `fake` | `fake:` |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

Backend = Literal["model", "file", "openai", "fake"]
_LONG_FORM = re.compile(rf"({'|'.join(get_args(Backend))}):(.*)")


@dataclass(frozen=True)
class BackendChoice:
    """Backend with its target: a model's name, a path or an address."""

    backend: Backend
    target: str

    @classmethod
    def of(cls, text: str) -> BackendChoice:
        """Parse a long or short form."""
        if match := _LONG_FORM.fullmatch(text):
            (backend,) = (name for name in get_args(Backend) if name == match[1])
            return cls(backend, match[2])
        if text == "fake":
            return cls("fake", "")
        if text.startswith(("http://", "https://")):
            return cls("openai", text)
        if "/" in text or "\\" in text or text.endswith(".gguf"):
            return cls("file", text)
        return cls("model", text)
