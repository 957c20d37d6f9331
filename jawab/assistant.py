"""Assistant of the Python API: opened by the folder of its index and a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from qa.assistant import Assistant as _Assistant
from qa.components import Components
from ui.app import components_of
from ui.config import Config, load_config


class Assistant(_Assistant):
    """Answers questions about one index.

    `Assistant(retriever, llm, reader, …)` takes your own objects, which follow the protocols
    `index.embeddings.Embedder`, `qa.llm.base.LLM` and `qa.reader.base.Reader`; `Assistant.open` creates those of a
    configuration.
    """

    @classmethod
    def open(
        cls,
        index: Path | str,
        config: Config | None = None,
        *,
        with_llm: bool = True,
        components: Components | None = None,
    ) -> Self:
        """Open an assistant for the index in the folder `index`.

        Without a `config`, settings come from the environment and the configuration file. Assistants that are opened
        with the same `components` share the models, which are loaded on first use. Raises `IndexMissing` and the other
        errors of `index.retriever.Retriever`, `ModelMissing` and the other errors of `qa.components.Components`, and
        `SettingInvalid`; all are `JawabError`.
        """
        components = components or components_of(config or load_config())
        return components.open_as(cls, Path(index), with_llm)
