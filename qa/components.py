"""Components of an assistant: the configured embedder, reader and LLM, each created on first use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import platformdirs

from index.embeddings import Embedder, SentenceTransformerEmbedder
from index.errors import InsufficientMemory, JawabError, PathNotFound
from index.fakes import HashEmbedder
from index.retriever import Retriever
from index.runtime.library_check import check_libraries
from index.runtime.memory import require_memory
from qa.assistant import Assistant
from qa.backends import Backend, BackendChoice
from qa.errors import LLMUnusable, ModelMissing, ModelUnknown
from qa.fakes import FakeComparisonParser, FakeLLM, FakeReader
from qa.fetching.models import Model, ModelStore, Role, bundled_models, default_model, find_model, models_folder
from qa.llm.base import LLM, ChatTimeouts
from qa.llm.llama_context import memory_needed
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.llm.openai_compatible import OpenAICompatibleLLM
from qa.llm.self_test import SelfTest, SelfTestResult
from qa.options import Options
from qa.query.comparison_question import ComparisonParser, TokenStateComparisonParser
from qa.query.intent import EmbeddingIntentClassifier, IntentClassifier
from qa.query.name_tagger import TokenStateTagger
from qa.query.names import NameTagger
from qa.reader.base import Reader
from qa.reader.lora_reader import LoRAReader
from qa.reader.prompt_injection import InjectionClassifier
from qa.verification.verifier import Verifier, VerifierOf

A = TypeVar("A", bound=Assistant)
T = TypeVar("T")

_MEMORY_BESIDE_LLM = 900_000_000
"""Bytes that embedder and reader take, which are loaded later: an LLM that leaves too few for them is of no use."""


class Components:
    """Components of assistants; assistants with the same components share the models.

    `embedder` is a name from models.txt or a sentence-transformers folder; `llm` a name, a GGUF file, or the address of
    a server with OpenAI's API, whose key is `llm_key` and whose time is limited by `llm_timeouts` (`qa/backends.py`);
    each is empty for the default one, or an object of your own. `models` is the folder of fetched models. `threads` is
    the number of the LLM's threads; 0 for one a processor. `verifier` makes the scorers of phrases.
    """

    def __init__(
        self,
        embedder: str | Embedder = "",
        llm: str | LLM = "",
        llm_key: str = "",
        *,
        models: Path | None = None,
        llm_timeouts: ChatTimeouts | None = None,
        threads: int = 0,
        options: Options | None = None,
        verifier: VerifierOf = Verifier,
        on_self_test: Callable[[], None] = lambda: None,
    ) -> None:
        self._chosen_embedder = embedder
        self._chosen_llm = llm
        self._llm_key = llm_key
        self._llm_timeouts = llm_timeouts
        self._threads = threads
        self.store = ModelStore(models or models_folder())
        self.options = options or Options()
        self._verifier = verifier
        self.cache = platformdirs.user_cache_path("jawab")
        self._self_test = SelfTest(self.cache / "self-tests", threads, on_start=on_self_test)

    @cached_property
    def models(self) -> tuple[Model, ...]:
        """All available models."""
        return bundled_models()

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder. Raises `ModelMissing`, `ModelDamaged`, `ModelUnknown`, `PathNotFound`, and
        `ProcessorUnsupported` if a library that it needs crashes here."""
        if not isinstance(self._chosen_embedder, str):
            return self._chosen_embedder
        choice = BackendChoice.of(self._chosen_embedder)
        if choice.backend == "fake":
            return HashEmbedder()
        check_libraries(self.cache / "self-tests")
        copies = self.cache / "embedders"
        if choice.backend == "file":
            return SentenceTransformerEmbedder(_require_path(choice.target), copies=copies)
        model = self._model("embedder", choice.target)
        return SentenceTransformerEmbedder(self.store.require(model), model.name, copies)

    @cached_property
    def generator(self) -> LLM:
        """The LLM. Raises `ModelMissing`, `ModelDamaged`, `ModelUnknown`, `PathNotFound`; for a file `LLMFailed`,
        `LLMUnusable` and `InsufficientMemory`; and for an address `LLMAddressInvalid`: nothing is sent to it yet."""
        if not isinstance(self._chosen_llm, str):
            return self._chosen_llm
        choice = BackendChoice.of(self._chosen_llm)
        return self._llm_backends[choice.backend](choice.target)

    @property
    def _llm_backends(self) -> Mapping[Backend, Callable[[str], LLM]]:
        """The LLM backends; to add one, name it in `qa/backends.py` too."""
        return {
            "model": self._named_llama,
            "file": lambda path: self._llama(_require_path(path)),
            "openai": lambda address: OpenAICompatibleLLM(address, self._llm_key, self._llm_timeouts),
            "fake": lambda _: FakeLLM(),
        }

    @cached_property
    def llm(self) -> LLM | None:
        """The LLM, or `None` if it is not available for the reason in `llm_problem`."""
        return None if self.llm_problem else self.generator

    @cached_property
    def llm_problem(self) -> JawabError | None:
        """The reason why there is no LLM: the default one is missing, or this computer cannot run the chosen one.
        Raises the other errors of `generator`."""
        try:
            self.generator  # noqa: B018 - created here, or not at all
        except ModelMissing as error:
            if self._chosen_llm not in ("", "model:"):
                raise
            return error
        except (LLMUnusable, InsufficientMemory) as error:
            return error
        return None

    def open_assistant(self, index: Path, with_llm: bool = True) -> Assistant:
        """Open an assistant for the index in the folder `index`.

        Models are loaded on first use. Raises the errors of `Retriever` and of the components.
        """
        return self.open_as(Assistant, index, with_llm)

    def open_as(self, kind: type[A], index: Path, with_llm: bool = True) -> A:
        """Open an assistant of the class `kind`, as `open_assistant` does."""
        llm = self.llm if with_llm else None
        return self.open_with(kind, Retriever(index, self.embedder), llm, self.reader)

    def open_with(self, kind: type[A], retriever: Retriever, llm: LLM | None, reader: Reader | None) -> A:
        """Open an assistant of given parts; the classifiers of questions and sentences are the configured ones."""
        return kind(
            retriever,
            llm,
            reader,
            self.options,
            self.injection_classifier,
            self.name_tagger,
            self._verifier,
            self.intent_classifier,
            self.comparison_parser,
        )

    def self_test(self) -> SelfTestResult | None:
        """Return the result of the LLM's self-test; `None` for an LLM that does not run in this process."""
        return self._self_test.result(self.generator.path) if isinstance(self.generator, LlamaCppLLM) else None

    @cached_property
    def reader(self) -> Reader | None:
        """The reader trained on this embedder; `None` for another embedder. Raises `ModelDamaged`."""
        if not isinstance(self.embedder, SentenceTransformerEmbedder):
            return FakeReader()
        model = default_model(self.models, "reader")
        return LoRAReader.of(self.store.require(model) / model.files[0].path, self.embedder, model.name)

    @cached_property
    def injection_classifier(self) -> InjectionClassifier | None:
        """The classifier of sentences that command; `None` for another embedder. Raises `ModelDamaged`."""
        return self._trained(InjectionClassifier.of, "jawab-commands.safetensors")

    @cached_property
    def name_tagger(self) -> NameTagger | None:
        """The tagger of names in questions; `None` for another embedder. Raises `ModelDamaged`."""
        return self._trained(TokenStateTagger.of, "jawab-names.safetensors")

    @cached_property
    def intent_classifier(self) -> IntentClassifier | None:
        """The classifier of what questions ask for; `None` for another embedder. Raises `ModelDamaged`."""
        return self._trained(EmbeddingIntentClassifier.of, "jawab-intents.safetensors")

    @cached_property
    def comparison_parser(self) -> ComparisonParser | None:
        """The parser of questions that compare; `None` for another embedder. Raises `ModelDamaged`."""
        if isinstance(self.embedder, HashEmbedder):
            return FakeComparisonParser()
        return self._trained(TokenStateComparisonParser.of, "jawab-comparisons.safetensors")

    def _trained(self, load: Callable[[Path, SentenceTransformerEmbedder], T | None], file: str) -> T | None:
        """Load a file of the reader's model, all of which were trained with one embedder; `None` for another."""
        if not isinstance(self.embedder, SentenceTransformerEmbedder):
            return None
        return load(self.store.require(default_model(self.models, "reader")) / file, self.embedder)

    def _named_llama(self, name: str) -> LlamaCppLLM:
        model = self._model("llm", name)
        # For a model in several files, llama.cpp takes the first and finds the others.
        return self._llama(self.store.require(model) / model.files[0].path)

    def _llama(self, path: Path) -> LlamaCppLLM:
        require_memory(memory_needed(path) + _MEMORY_BESIDE_LLM, path)
        return LlamaCppLLM(path, self._self_test.configuration(path), self._threads, heads=self.cache / "heads")

    def _model(self, role: Role, name: str) -> Model:
        model = find_model(self.models, name) if name else default_model(self.models, role)
        if model.role != role:
            raise ModelUnknown(name=name, known=", ".join(m.name for m in self.models if m.role == role))
        return model


def _require_path(path: str) -> Path:
    if not Path(path).expanduser().exists():
        raise PathNotFound(path=path)
    return Path(path).expanduser()
