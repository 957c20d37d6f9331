"""The suite is sealed: a home of its own, no settings from outside, no network but this machine's own.

Tests marked `real` use the real models and a real browser. Elsewhere they are skipped where these are missing;
in CI (the variable CI is set) a skipped one fails the run.
"""

from __future__ import annotations

import dataclasses
import io
import os
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path

import platformdirs
import pytest

from index.embeddings import SentenceTransformerEmbedder
from index.fakes import HashEmbedder
from index.indexer import update_index
from index.planner import IndexingReport
from index.retriever import Retriever
from qa.fakes import FakeLLM
from qa.fetching.models import ModelStore, bundled_models, default_model
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.llm.self_test import SelfTest
from qa.query.comparison_question import TokenStateComparisonParser
from qa.query.intent import EmbeddingIntentClassifier
from qa.query.name_tagger import TokenStateTagger
from qa.reader.lora_reader import LoRAReader
from qa.reader.prompt_injection import InjectionClassifier
from tests.openai_servers import FakeChatServer, fake_chat_server, llama_cpp_server
from tests.tiny_gguf import write_counting_model

# Read before the seal: where the person who runs the suite keeps the models.
MODELS = Path(os.environ.get("JAWAB_MODELS") or platformdirs.user_data_path("jawab") / "models")
SAMPLES = Path(__file__).parent.parent / "samples"

_skipped_real: list[str] = []
_INTEGRATION = frozenset(
    [
        "api",
        "api_keys",
        "article_list",
        "auth",
        "backup",
        "cancellation",
        "catalog_answers",
        "charts",
        "child_process",
        "cli",
        "client_disconnect",
        "clients",
        "collection",
        "collections",
        "comparisons",
        "connection_limit",
        "conversation",
        "conversations",
        "crash_safety",
        "durable",
        "examples",
        "export",
        "faults",
        "fetch",
        "hostile",
        "hostile_articles",
        "index",
        "index_version",
        "jsonl_export",
        "killed_uploads",
        "layers",
        "mcp",
        "openai_compatible_llm",
        "openapi",
        "page_uploads",
        "pdf",
        "private",
        "python_api",
        "report",
        "retriever",
        "self_test",
        "server",
        "shutdown",
        "surface_parity",
        "topics",
        "tracing",
        "uploaded_files",
        "uploads",
        "vector_stores",
        "versions",
        "without_llm",
    ]
)
"""Files whose tests start servers and processes or make large indexes: all else are unit tests, a minute in all."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem.removeprefix("test_") in _INTEGRATION:
            item.add_marker("integration")


@pytest.fixture(autouse=True)
def _sealed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith("JAWAB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home / name))
    monkeypatch.setenv("JAWAB_LANG", "en")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # A failure that is known (`xfail`) was run, though pytest calls it skipped.
    if report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("real"):
        _skipped_real.append(item.nodeid)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _skipped_real and os.environ.get("CI"):
        terminalreporter.section("CI must run these and skipped them", red=True)
        for test in _skipped_real:
            terminalreporter.line(test)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped_real and os.environ.get("CI"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def zip_of(files: Mapping[str, bytes | str]) -> bytes:
    """A zip archive with these members."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.fixture(scope="session")
def real_embedder(real_cache: Path) -> SentenceTransformerEmbedder:
    model = default_model(bundled_models(), "embedder")
    return SentenceTransformerEmbedder(_real(model.name), model.name, real_cache / "jawab" / "embedders")


@pytest.fixture(scope="session")
def real_reader(real_embedder: SentenceTransformerEmbedder) -> LoRAReader:
    model = default_model(bundled_models(), "reader")
    reader = LoRAReader.of(_real(model.name) / "jawab-reader.safetensors", real_embedder, model.name)
    assert reader, "the reader was taught on another embedder"
    return reader


@pytest.fixture(scope="session")
def real_classifier(real_embedder: SentenceTransformerEmbedder) -> InjectionClassifier:
    model = default_model(bundled_models(), "reader")
    classifier = InjectionClassifier.of(_real(model.name) / "jawab-commands.safetensors", real_embedder)
    assert classifier, "what commands was taught with another embedder"
    return classifier


@pytest.fixture(scope="session")
def real_tagger(real_embedder: SentenceTransformerEmbedder) -> TokenStateTagger:
    model = default_model(bundled_models(), "reader")
    tagger = TokenStateTagger.of(_real(model.name) / "jawab-names.safetensors", real_embedder)
    assert tagger, "the name tagger was trained on another embedder"
    return tagger


@pytest.fixture(scope="session")
def real_intents(real_embedder: SentenceTransformerEmbedder) -> EmbeddingIntentClassifier:
    model = default_model(bundled_models(), "reader")
    classifier = EmbeddingIntentClassifier.of(_real(model.name) / "jawab-intents.safetensors", real_embedder)
    assert classifier, "the intent classifier was trained on another embedder"
    return classifier


@pytest.fixture(scope="session")
def real_comparisons(real_embedder: SentenceTransformerEmbedder) -> TokenStateComparisonParser:
    model = default_model(bundled_models(), "reader")
    parser = TokenStateComparisonParser.of(_real(model.name) / "jawab-comparisons.safetensors", real_embedder)
    assert parser, "the comparison parser was trained on another embedder"
    return parser


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `XDG_CACHE_HOME` may be where another process has the default LLM: each head is evaluated once, in 10 s."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def real_generator(real_cache: Path) -> LlamaCppLLM:
    model = default_model(bundled_models(), "llm")
    file = _real(model.name) / model.files[0].path
    chosen = SelfTest(real_cache / "jawab" / "self-tests").configuration(file)
    # Repacked weights are chosen by speed, which on a shared machine is chance, and round otherwise.
    configuration = dataclasses.replace(chosen, extra_buffers=False)
    return LlamaCppLLM(file, configuration, heads=real_cache / "jawab" / "heads")


@pytest.fixture(scope="session")
def counting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that passes the self-test; nobody changes it."""
    path = tmp_path_factory.mktemp("models") / "counting.gguf"
    write_counting_model(path)
    return path


@pytest.fixture(scope="session")
def second_server(real_generator: LlamaCppLLM) -> Generator[str]:
    """The address of llama-cpp-python's server with the default LLM."""
    with llama_cpp_server(real_generator.path, real_generator.configuration) as address:
        yield address


@pytest.fixture
def chat_server() -> Generator[FakeChatServer]:
    """A server of OpenAI's chat API that answers as it is told to."""
    with fake_chat_server() as server:
        yield server


@pytest.fixture(scope="session")
def real_index(real_embedder: SentenceTransformerEmbedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample articles as the real embedder indexes them; nobody changes it."""
    folder = tmp_path_factory.mktemp("real") / "index"
    update_index(folder, [SAMPLES / "articles"], real_embedder)
    return folder


def _real(name: str) -> Path:
    store = ModelStore(MODELS)
    model = next(model for model in bundled_models() if model.name == name)
    if not store.is_present(model):
        pytest.skip(f"{name} is not in {MODELS}; make models fetches it")
    return store.model_folder(model)


@pytest.fixture(scope="session")
def fake_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with the fakes, over the sample articles; nobody changes them."""
    from tests.asgi_server import app_in, serving  # Gradio, which most tests need not wait for

    with serving(app_in(tmp_path_factory.mktemp("served"))) as address:
        yield address


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file under a folder of articles, and says where."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / "articles" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture
def indexed(tmp_path: Path) -> Callable[..., IndexingReport]:
    """Indexes the folder of articles, or the paths given, with the fake embedder."""

    def run(*paths: Path) -> IndexingReport:
        return update_index(tmp_path / "index", paths or (tmp_path / "articles",), HashEmbedder())

    return run


@pytest.fixture
def retriever(tmp_path: Path) -> Callable[[], Retriever]:
    return lambda: Retriever(tmp_path / "index", HashEmbedder())


@pytest.fixture
def fake_generator() -> FakeLLM:
    return FakeLLM()
