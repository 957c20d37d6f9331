"""Composition root: creates the parts of Jawab from the settings, each when it is first needed."""

from __future__ import annotations

import sys
from functools import cached_property

from index.retriever import Retriever
from qa.assistant import Assistant, Options
from qa.parts import Parts
from ui.i18n import translate, user_language
from ui.settings import Settings
from ui.terminal import echo


def _announce_self_test() -> None:
    """Print a notice if standard error is a terminal, as for progress bars."""
    if sys.stderr.isatty():
        echo(translate("cli.self_test", user_language()), err=True)


class App(Parts):
    """The parts of one running Jawab, as configured in its settings."""

    def __init__(self, settings: Settings) -> None:
        options = Options(
            reading_tokens=settings.reading_tokens,
            evidence_tokens=settings.evidence_tokens,
            threshold=settings.threshold,
        )
        super().__init__(
            settings.embedder,
            settings.llm,
            settings.llm_key,
            models=settings.models,
            threads=settings.threads,
            options=options,
            on_self_test=_announce_self_test,
        )
        self.settings = settings

    @cached_property
    def retriever(self) -> Retriever:
        """The retriever for the index of the settings. Raises what `Retriever(…)` raises."""
        return Retriever(self.settings.index, self.embedder)

    @cached_property
    def assistant(self) -> Assistant:
        """The assistant for the index of the settings. Raises what `Assistant.open` raises."""
        return Assistant.open(self.settings.index, self)

    def assistant_for(self, no_llm: bool) -> Assistant:
        """Return the assistant; with `no_llm`, one that answers with phrase and quotation alone."""
        return Assistant.open(self.settings.index, self, with_llm=False) if no_llm else self.assistant
