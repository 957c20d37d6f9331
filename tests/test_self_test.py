"""The self-test of the LLM: a configuration that crashes, hangs or computes nonsense is skipped.

How the self-test reacts is tested with shell scripts as child processes; that it tests llama.cpp itself, with a tiny
model and with a CPU backend that crashes inside llama.cpp.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

import index.runtime.memory
import qa.llm.self_test
from index.errors import InsufficientMemory
from qa.errors import LLMFailed, LLMUnusable
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.llm.llama_library import LlamaConfiguration, library_digest, library_folder
from qa.llm.self_test import GAIN, PLAUSIBLE, SelfTest
from tests.self_test_children import (
    CRASHES,
    CRASHES_WITH_EXTRA_BUFFERS,
    HANGING,
    computes,
    dies_of,
    lists,
    refuses,
    scripted_child,
    self_test_with,
    usual_backends,
)
from tests.tiny_gguf import write_counting_model
from ui.i18n import error_message

PASSES = {"backends": lists("best", "next"), "best": computes(), "best_extra": computes()}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    return path


def self_test(folder: Path | None = None, /, **behaviour: str) -> SelfTest:
    return SelfTest(folder, 2, command_prefix=scripted_child(**behaviour))


class TestConfigurations:
    def test_best_working_backend_is_chosen(self, model: Path) -> None:
        result = self_test(
            backends=lists("best", "next"), best=dies_of("ILL"), next=computes(), next_extra=dies_of("SEGV")
        ).result(model)
        assert result.chosen == LlamaConfiguration("next")
        assert [(attempt.configuration, attempt.failure) for attempt in result.failures] == [
            (LlamaConfiguration("best"), "SIGILL"),
            (LlamaConfiguration("next", extra_buffers=True), "SIGSEGV"),
        ]

    @pytest.mark.parametrize(("gain", "repacked"), [(0.9, False), (GAIN - 0.01, False), (GAIN + 0.01, True)])
    def test_weights_are_repacked_only_if_much_faster(self, gain: float, repacked: bool, model: Path) -> None:
        result = self_test(
            backends=lists("best"), best=computes(prompt_rate=100), best_extra=computes(prompt_rate=100 * gain)
        ).result(model)
        assert result.chosen == LlamaConfiguration("best", extra_buffers=repacked)
        assert not result.failures
        assert result.attempt(LlamaConfiguration("best", extra_buffers=True)).prompt_rate == pytest.approx(100 * gain)

    @pytest.mark.parametrize(("rate", "chosen"), [(100, "best"), (200, "next_extra")])
    def test_next_backend_may_repack_when_best_cannot(self, rate: float, chosen: str, model: Path) -> None:
        result = self_test(
            backends=lists("best", "next", "last"),
            best=computes(prompt_rate=100), best_extra=dies_of("ILL"), next_extra=computes(prompt_rate=rate),
        ).result(model)  # fmt: skip
        code, _, extra = chosen.partition("_")
        assert result.chosen == LlamaConfiguration(code, extra_buffers=bool(extra))
        assert [attempt.failure for attempt in result.attempts] == [None, "SIGILL", None]

    @pytest.mark.parametrize(
        ("behaviour", "failure"),
        [
            (computes(PLAUSIBLE + 0.01), None),
            (computes(PLAUSIBLE - 0.01), "nonsense"),
            (computes(float("nan")), "nonsense"),
            ("echo no report", "nonsense"),
            ("echo '[1]'", "nonsense"),
            ("exit 3", "exit code 3"),
            (dies_of("ABRT"), "SIGABRT"),
            (dies_of("BUS"), "SIGBUS"),
        ],
    )
    def test_failure_is_classified(self, behaviour: str, failure: str | None, model: Path) -> None:
        result = self_test(
            backends=lists("best", "next"),
            best=behaviour, best_extra=computes(), next=computes(), next_extra=computes(),
        ).result(model)  # fmt: skip
        assert result.attempts[0].failure == failure
        assert result.chosen == LlamaConfiguration("next" if failure else "best")

    def test_hanging_child_is_killed(self, model: Path) -> None:
        hanging = scripted_child(backends=lists("best", "next"), best=HANGING, next=computes(), next_extra=computes())
        result = SelfTest(None, 2, silence=5, command_prefix=hanging).result(model)
        assert [attempt.failure for attempt in result.failures] == ["timeout"]
        assert result.chosen == LlamaConfiguration("next")

    def test_no_working_backend_raises_llm_unusable(self, model: Path) -> None:
        behaviour = {"best": dies_of("ILL"), "next": computes(-9), "last": dies_of("ILL")}
        failing = self_test(backends=lists(*behaviour), **behaviour)
        assert failing.result(model).chosen is None
        with pytest.raises(LLMUnusable) as unusable:
            failing.configuration(model)
        assert unusable.value.fields == {"name": "model", "failure": "SIGILL, nonsense"}

    def test_unloadable_library_raises_llm_unusable(self, model: Path) -> None:
        with pytest.raises(LLMUnusable) as unusable:
            self_test(backends=dies_of("ILL")).configuration(model)
        assert unusable.value.fields["failure"] == "SIGILL"


class TestMemory:
    def test_model_larger_than_memory_is_not_tried(
        self, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(index.runtime.memory, "available_memory", lambda: 200_000_000)
        monkeypatch.setattr(qa.llm.self_test, "memory_needed", lambda path: 1_440_000_000)
        with pytest.raises(InsufficientMemory) as short:
            self_test(tmp_path / "results", backends=lists("best")).configuration(model)
        for language in ("en", "ar"):
            sentence = error_message(short.value, language)
            assert "1.4" in sentence and "0.2" in sentence and str(model) in sentence
        assert not (tmp_path / "results").exists()

    @pytest.mark.parametrize(
        ("task", "behaviour"),
        [("backends", dies_of("KILL")), ("best", dies_of("KILL")), ("best", refuses("no_memory"))],
    )
    def test_out_of_memory_is_not_backend_failure(self, task: str, behaviour: str, model: Path, tmp_path: Path) -> None:
        with pytest.raises(InsufficientMemory):
            self_test(tmp_path / "results", **PASSES | {task: behaviour}).configuration(model)
        assert not (tmp_path / "results").exists()

    @pytest.mark.parametrize("behaviour", [dies_of("KILL"), refuses("no_memory")])
    def test_weights_are_not_repacked_when_memory_is_short(self, behaviour: str, model: Path) -> None:
        result = self_test(**PASSES | {"best_extra": behaviour}).result(model)
        assert result.chosen == LlamaConfiguration("best")
        assert [attempt.failure for attempt in result.failures] == ["no memory"]


class TestStoredResults:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "cache" / "results"

    @pytest.mark.parametrize("working", [True, False])
    def test_result_is_stored(self, working: bool, model: Path, folder: Path) -> None:
        behaviour = PASSES if working else PASSES | {"best": dies_of("ILL"), "next": dies_of("ILL")}
        first = self_test(folder, **behaviour).result(model)
        assert (first.chosen is not None) == working
        # A child process of this self-test would fail.
        assert SelfTest(folder, 2, command_prefix=("false",)).result(model) == first

    def test_stored_result_does_not_announce_test(self, model: Path, folder: Path) -> None:
        announced: list[bool] = []
        for _ in range(2):
            prefix = scripted_child(**PASSES)
            SelfTest(folder, 2, command_prefix=prefix, on_start=lambda: announced.append(True)).result(model)
        assert len(announced) == 1

    @pytest.mark.parametrize("changed", ["processor", "library", "model"])
    def test_result_depends_on_processor_library_and_model(
        self, changed: str, model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self_test(folder, **PASSES).result(model)
        if changed == "model":
            model.write_bytes(b"other weights")
        else:
            name = "cpu_digest" if changed == "processor" else "library_digest"
            monkeypatch.setattr(qa.llm.self_test, name, lambda: "another")
        assert self_test(folder, backends=lists("next"), next=dies_of("ILL")).result(model).chosen is None
        assert len(list(folder.iterdir())) == 2

    @pytest.mark.parametrize("damaged", ["", "{}", "[]", "null", '{"attempts": [{}], "chosen": null}', "\udcff"])
    def test_damaged_result_is_tested_again(self, damaged: str, model: Path, folder: Path) -> None:
        first = self_test(folder, **PASSES).result(model)
        (stored,) = folder.iterdir()
        stored.write_text(damaged, encoding="utf-8", errors="surrogateescape")
        assert self_test(folder, **PASSES).result(model) == first
        assert SelfTest(folder, 2, command_prefix=("false",)).result(model) == first

    def test_unwritable_result_folder_runs_test_each_time(self, model: Path, tmp_path: Path) -> None:
        (tmp_path / "results").write_text("a file where the folder should be")
        for _ in range(2):
            assert self_test(tmp_path / "results", **PASSES).configuration(model) == LlamaConfiguration("best")
        assert self_test(None, **PASSES).configuration(model) == LlamaConfiguration("best")

    def test_invalid_model_file_stores_no_result(self, model: Path, folder: Path) -> None:
        with pytest.raises(LLMFailed) as failed:
            self_test(folder, **PASSES | {"best": refuses("not_a_model")}).result(model)
        assert failed.value.fields["path"] == model
        assert not folder.exists()


@pytest.mark.parametrize("changed", ["libggml-cpu.so", "libggml-cpu-new.so"])
def test_library_digest_changes_with_its_files(changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    (tmp_path / "libggml-cpu.so").write_bytes(b"code")
    before = library_digest()
    assert library_digest() == before
    (tmp_path / changed).write_bytes(b"other code")
    assert library_digest() != before


class TestLlamaCpp:
    """The installed llama.cpp, with a tiny model."""

    def test_working_model_is_accepted(self, counting_model: Path) -> None:
        result = SelfTest(None, 2).result(counting_model)
        assert result.chosen is not None
        working = result.attempt(result.chosen)
        assert working.failure is None
        assert working.prompt_rate > 0 and working.generation_rate > 0
        assert LlamaCppLLM(counting_model, result.chosen).count_tokens("1, 2") > 2

    def test_model_computing_nonsense_is_rejected(self, tmp_path: Path) -> None:
        model = tmp_path / "miscounting.gguf"
        write_counting_model(model, right=False)
        result = SelfTest(None, 2).result(model)
        assert {attempt.failure for attempt in result.attempts} == {"nonsense"}
        assert result.chosen is None

    def test_invalid_model_file_is_rejected(self, model: Path) -> None:
        with pytest.raises(LLMFailed):
            SelfTest(None, 2).result(model)


@pytest.mark.skipif(sys.platform != "linux", reason="shared libraries of Linux")
class TestBrokenBackend:
    """llama.cpp with a crashing or missing CPU backend: the self-test reports it, and this process survives."""

    def test_next_backend_is_chosen_after_crash(self, counting_model: Path, tmp_path: Path) -> None:
        usual = usual_backends()
        result = self_test_with(CRASHES, tmp_path).result(counting_model)
        assert result.attempts[0].failure == "SIGILL"
        if not usual:  # the backend is built in: there is no other
            assert result.chosen is None and len(result.attempts) == 1
        else:
            assert result.attempts[0].configuration == LlamaConfiguration("libggml-cpu-standin.so")
            assert result.attempts[1].configuration == LlamaConfiguration(usual[0])
            assert result.attempts[1].failure is None
            assert result.chosen is not None and result.chosen.backend in usual

    def test_backend_crashing_on_repack_runs_without_repacking(self, counting_model: Path, tmp_path: Path) -> None:
        result = self_test_with(CRASHES_WITH_EXTRA_BUFFERS, tmp_path).result(counting_model)
        plain, repacked = result.attempts[:2]
        assert plain.failure is None
        assert repacked.configuration == dataclasses.replace(plain.configuration, extra_buffers=True)
        assert repacked.failure == "SIGILL"
        # The second-best backend may or may not be faster than the best one without repacked weights.
        assert result.chosen in (plain.configuration, *(attempt.configuration for attempt in result.attempts[2:]))

    def test_missing_cpu_backend_is_not_broken_model(self, counting_model: Path, tmp_path: Path) -> None:
        if not usual_backends():
            pytest.skip("the library has its code built in")
        for file in library_folder().glob("lib*"):
            if not file.name.startswith("libggml-cpu-"):
                (tmp_path / file.name).symlink_to(file)
        bare = SelfTest(None, 2, command_prefix=("env", f"LLAMA_CPP_LIB_PATH={tmp_path}"))
        with pytest.raises(LLMUnusable):
            bare.configuration(counting_model)
