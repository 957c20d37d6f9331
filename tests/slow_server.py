"""`jawab serve` with the fakes, and an LLM that takes its time. A process of its own, for it is to be stopped.

    python -m tests.slow_server PORT MANNER…

A MANNER is how the LLM writes: `words` (five a second, for a minute), `soon` (done after two seconds), `step` (one
step that takes a minute) or `flood` (more than any buffer takes, at once). The first sentence is written in the first
manner, and so on; all that follow in the last. The folders are those of the environment.
"""

from __future__ import annotations

import sys
import time

from qa.components import Components
from qa.fakes import FakeLLM
from qa.llm.base import Prompt, TextStream
from ui.app import App
from ui.config import load_config
from ui.server.serve import serve

_MANNERS = {
    "words": (300, 0.2, "word "),
    "soon": (4, 0.5, "word "),
    "step": (1, 60.0, "word "),
    "flood": (400, 0.01, "w" * 100_000),
}
"""How many pieces, the seconds before each, and the piece."""


class SlowGenerator(FakeLLM):
    """Writes in its manners."""

    def __init__(self, manners: list[str]) -> None:
        super().__init__()
        self._manners = manners

    def stream(self, prompt: Prompt, max_tokens: int) -> TextStream:
        manner = self._manners.pop(0) if len(self._manners) > 1 else self._manners[0]
        times, pause, piece = _MANNERS[manner]
        for _ in range(times):
            time.sleep(pause)
            yield piece


if __name__ == "__main__":
    app = App(load_config(), Components("fake", SlowGenerator(sys.argv[2:] or ["words"])))
    serve(app, "127.0.0.1", int(sys.argv[1]), "en")
