"""Question answering with cited answers.

    from qa import Assistant

    with Assistant.open("my-index") as jawab:
        print(jawab.ask("How many US troops remain in Iraq?").answer)

These names are the Python API. Each is imported on first use, so that importing one does not load the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qa.answer import Answer, Citation
    from qa.assistant import Assistant, Options
    from qa.parts import Parts
else:
    from importlib import import_module

    _HOMES = {
        "Answer": "qa.answer",
        "Citation": "qa.answer",
        "Assistant": "qa.assistant",
        "Options": "qa.assistant",
        "Parts": "qa.parts",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = ["Answer", "Assistant", "Citation", "Options", "Parts"]
