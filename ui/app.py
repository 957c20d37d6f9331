"""Composition root: creates the components of Jawab from the configuration, each on first use."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property

from index.retriever import Retriever
from qa.assistant import Assistant
from qa.components import Components
from qa.llm.base import ChatTimeouts
from qa.options import Options
from ui.config import Config
from ui.i18n import translate, user_language
from ui.terminal import echo


def components_of(config: Config, on_self_test: Callable[[], None] = lambda: None) -> Components:
    """Return the components that a configuration names. `on_self_test` is called before the LLM's self-test."""
    inference, answering = config.inference, config.answering
    return Components(
        inference.embedder,
        inference.llm,
        inference.llm_key,
        models=config.paths.models,
        llm_timeouts=ChatTimeouts(inference.llm_silence_seconds, inference.llm_response_seconds),
        threads=inference.threads,
        options=Options(**answering.model_dump()),
        on_self_test=on_self_test,
    )


def _announce_self_test() -> None:
    """Print a notice if standard error is a terminal, as for progress bars."""
    if sys.stderr.isatty():
        echo(translate("cli.self_test", user_language()), err=True)


class App:
    """One running Jawab: its configuration, its components, and the assistant of its index."""

    def __init__(self, config: Config, components: Components | None = None) -> None:
        self.config = config
        self.components = components or components_of(config, _announce_self_test)

    @cached_property
    def retriever(self) -> Retriever:
        """The retriever for the configured index. Raises the errors of `Retriever`."""
        return Retriever(self.config.paths.index, self.components.embedder)

    @cached_property
    def assistant(self) -> Assistant:
        """The assistant for the configured index. Raises the errors of `Components.open_assistant`."""
        return self.components.open_assistant(self.config.paths.index)

    def assistant_for(self, no_llm: bool) -> Assistant:
        """Return the assistant; with `no_llm`, one that answers with phrase and quotation alone."""
        if not no_llm:
            return self.assistant
        return self.components.open_assistant(self.config.paths.index, with_llm=False)
