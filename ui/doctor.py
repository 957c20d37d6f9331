"""`jawab doctor`: check that packages, models and index are present and working, and suggest fixes."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from index.errors import JawabError
from index.recovery import check_integrity
from index.runtime.cpu import cpu_name
from index.runtime.library_check import check_libraries
from index.storage.catalog import Catalog
from qa.errors import LLMUnusable
from qa.llm.llama_library import LlamaConfiguration
from ui.app import App
from ui.i18n import error_message, translate, user_language

_PACKAGES = ("torch", "sentence-transformers", "faiss-cpu", "llama-cpp-python", "gradio")
_MIN_FREE_BYTES = 2**30


@dataclass(frozen=True)
class Check:
    """Result of a check: whether it passed, and a sentence about it."""

    well: bool
    text: str


def run_checks(app: App) -> list[Check]:
    """Run all checks, in the order in which a new user would run into their failures."""
    libraries = _run_check(_libraries, app)
    # If PyTorch crashes, nothing that needs it can be checked.
    model_checks = [_processor(), *(_run_check(check, app) for check in (_embedder, _reader))] if libraries.well else []
    language_model = [_run_check(_generator, app), *_self_test(app)]
    others = [_run_check(_index, app), _disk_space(app.config.paths.index)]
    return [_python(), *map(_package, _PACKAGES), libraries, *model_checks, *language_model, *others]


def _python() -> Check:
    return _result(sys.version_info >= (3, 11), "python", version=platform.python_version())


def _package(name: str) -> Check:
    try:
        return _result(True, "package", name=name, version=version(name))
    except PackageNotFoundError:
        return _result(False, "package_missing", name=name)


def _processor() -> Check:
    from index.embeddings import computes_in_bfloat16

    return _result(True, "bfloat16" if computes_in_bfloat16() else "float32")


def _run_check(check: Callable[[App], Check], app: App) -> Check:
    """Return the result of a check, or a failed one with its error."""
    try:
        return check(app)
    except LLMUnusable as error:
        language = user_language()
        # The error's own message refers to this command.
        return Check(False, translate("doctor.generator_unusable", language, **error.fields))
    except JawabError as error:
        return Check(False, error_message(error, user_language()))


def _embedder(app: App) -> Check:
    return _result(True, "embedder", name=app.components.embedder.name)


def _reader(app: App) -> Check:
    return (
        _result(True, "reader", name=app.components.reader.name)
        if app.components.reader
        else _result(True, "reader_none")
    )


def _generator(app: App) -> Check:
    generator = app.components.generator
    if generator.address:
        # Its name is known only after its first response.
        return _result(True, "generator_elsewhere", name=generator.name, address=generator.address)
    return _result(True, "generator", name=generator.name)


def _self_test(app: App) -> Iterator[Check]:
    """Yield the result of the LLM's self-test. `_generator` reports an LLM that cannot run at all."""
    try:
        result = app.components.self_test()
    except JawabError:
        return
    if result is None or result.chosen is None:
        return
    attempt = result.attempt(result.chosen)
    fields: dict[str, object] = {
        "cpu": cpu_name(),
        "backend": _backend(result.chosen),
        "prompt_rate": round(attempt.prompt_rate),
        "generation_rate": round(attempt.generation_rate, 1),
    }
    if not result.failures:
        yield _result(True, "self_test", **fields)
        return
    failures = "; ".join(
        translate(
            "doctor.self_test_failed_attempt",
            user_language(),
            backend=_backend(failed.configuration),
            failure=failed.failure,
        )
        for failed in result.failures
    )
    yield _result(True, "self_test_fallback", failures=failures, **fields)


def _backend(configuration: LlamaConfiguration) -> str:
    language, name = user_language(), configuration.backend.removeprefix("libggml-cpu-").removesuffix(".so")
    backend = (
        translate("doctor.backend", language, name=name) if name else translate("doctor.backend_built_in", language)
    )
    return translate("doctor.backend_extra", language, backend=backend) if configuration.extra_buffers else backend


def _libraries(app: App) -> Check:
    check_libraries(app.components.cache / "self-tests")
    return _result(True, "libraries")


def _index(app: App) -> Check:
    if check_integrity(app.config.paths.index):
        return _result(False, "index_damaged", folder=app.config.paths.index)
    catalog = Catalog.open(app.config.paths.index)
    counts = {"articles": catalog.count_articles(), "passages": catalog.count_passages()}
    return _result(True, "index", folder=app.config.paths.index, **counts)


def _disk_space(folder: Path) -> Check:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return _result(free > _MIN_FREE_BYTES, "room" if free > _MIN_FREE_BYTES else "room_short", free=f"{free / 1e9:.1f}")


def _result(passed: bool, key: str, **fields: object) -> Check:
    return Check(passed, translate(f"doctor.{key}", user_language(), **fields))
