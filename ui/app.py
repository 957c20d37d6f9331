"""Where the objects are put together: settings in, the parts of Jawab out, each made when it is first needed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import platformdirs

from index.articles import Article
from index.embed import Embedder, SentenceTransformerEmbedder
from index.errors import PathMissing
from index.fakes import HashEmbedder
from index.finding.filters import Filter
from index.search import Hit, Searcher
from qa.answer import Answer, Finished
from qa.assistant import Assistant, Options
from qa.errors import ModelMissing, ModelUnknown
from qa.fakes import FakeGenerator, FakeReader
from qa.fetching.models import Model, ModelStore, Role, bundled_models, default_model, find_model
from qa.llm.generate import Generator
from qa.llm.llama import LlamaGenerator
from qa.llm.remote import RemoteGenerator
from qa.reading.commands import Commands
from qa.reading.network_reader import NetworkReader
from qa.reading.reader import Reader
from ui.settings import Settings

FAKE = "fake"
"""JAWAB_EMBEDDER=fake and JAWAB_LLM=fake try the program without models."""


class App:
    """The parts of one running Jawab."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def models(self) -> tuple[Model, ...]:
        return bundled_models()

    @cached_property
    def store(self) -> ModelStore:
        return ModelStore(self.settings.models)

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder of the settings. Raises `ModelMissing`, `ModelDamaged`, `ModelUnknown`, `PathMissing`."""
        chosen = self.settings.embedder
        if chosen == FAKE:
            return HashEmbedder()
        if _is_path(chosen):
            return SentenceTransformerEmbedder(_existing(chosen))
        model = self._model("embedder", chosen)
        return SentenceTransformerEmbedder(self.store.require(model), model.name)

    @cached_property
    def generator(self) -> Generator:
        """The LLM of the settings. Raises `ModelMissing`, `ModelDamaged`, `ModelUnknown`, `PathMissing`, and of an
        address `GeneratorAddress`; nothing is sent to it yet."""
        chosen = self.settings.llm
        if chosen == FAKE:
            return FakeGenerator()
        if chosen.startswith(("http://", "https://")):
            return RemoteGenerator(chosen, self.settings.llm_key)
        if _is_path(chosen):
            return self._llama(_existing(chosen))
        model = self._model("llm", chosen)
        folder = self.store.require(model)
        # Of a model in several files, llama.cpp wants the first and finds the others.
        return self._llama(folder / model.files[0].path)

    @cached_property
    def llm(self) -> Generator | None:
        """The LLM, or none where none was chosen and the default one is not here: Jawab works without."""
        try:
            return self.generator
        except ModelMissing:
            if self.settings.llm:
                raise
            return None

    @cached_property
    def reader(self) -> Reader | None:
        """The reader that was taught on the embedder of the settings; none for another embedder.

        Raises `ModelDamaged`.
        """
        if not isinstance(self.embedder, SentenceTransformerEmbedder):
            return FakeReader()
        model = default_model(self.models, "reader")
        return NetworkReader.of(self.store.require(model) / model.files[0].path, self.embedder, model.name)

    @cached_property
    def commands(self) -> Commands | None:
        """What knows sentences that command; none for another embedder. Raises `ModelDamaged`."""
        if not isinstance(self.embedder, SentenceTransformerEmbedder):
            return None
        model = default_model(self.models, "reader")
        return Commands.of(self.store.require(model) / model.files[1].path, self.embedder)

    @cached_property
    def searcher(self) -> Searcher:
        """Search over the index of the settings. Raises `IndexMissing`, `IndexDamaged`, `IndexMismatch`."""
        return Searcher(self.settings.index, self.embedder)

    @cached_property
    def options(self) -> Options:
        return Options(
            reading_tokens=self.settings.reading_tokens,
            evidence_tokens=self.settings.evidence_tokens,
            threshold=self.settings.threshold,
        )

    @cached_property
    def assistant(self) -> Assistant:
        return self.assistant_on(self.settings.index)

    def assistant_for(self, no_llm: bool) -> Assistant:
        """The assistant, or one that does without the LLM and answers with phrase and quotation."""
        return self.assistant_on(self.settings.index, with_llm=False) if no_llm else self.assistant

    @cached_property
    def answering(self) -> Answering:
        """Asking, search and articles of the index of the settings, for programs."""
        return Answering(self.assistant)

    def assistant_on(self, index: Path, with_llm: bool = True) -> Assistant:
        """An assistant for the index in `index`. All of them share the models."""
        # The index first: a missing one is told at once, before a model is loaded.
        searcher = self.searcher if index == self.settings.index else Searcher(index, self.embedder)
        return Assistant(searcher, self.llm if with_llm else None, self.reader, self.options, self.commands)

    def _llama(self, path: Path) -> LlamaGenerator:
        return LlamaGenerator(path, self.settings.threads, heads=platformdirs.user_cache_path("jawab") / "heads")

    def _model(self, role: Role, name: str) -> Model:
        model = find_model(self.models, name) if name else default_model(self.models, role)
        if model.role != role:
            raise ModelUnknown(name=name, known=", ".join(m.name for m in self.models if m.role == role))
        return model


class Answering:
    """What programs want of an assistant: whole answers, passages, articles. All may raise `JawabError`."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant

    def ask(self, question: str) -> Answer:
        """The record of a question."""
        return next(event.answer for event in self._assistant.stream(question) if isinstance(event, Finished))

    def search(self, question: str, k: int, only: Filter) -> list[Hit]:
        """Passages, best first."""
        return self._assistant.searcher.search(question, k, only)

    def article(self, article_id: str) -> Article:
        """One article with its text."""
        return self._assistant.searcher.catalog.article(article_id)


def _is_path(chosen: str) -> bool:
    return "/" in chosen or "\\" in chosen or chosen.endswith(".gguf")


def _existing(path: str) -> Path:
    if not Path(path).expanduser().exists():
        raise PathMissing(path=path)
    return Path(path).expanduser()
