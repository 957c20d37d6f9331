"""PyTorch and FAISS are tried in a child process: a crash on this processor is reported as an error."""

from __future__ import annotations

import signal
from importlib.metadata import version
from pathlib import Path

import pytest

import index.runtime.library_check
import qa.components
from index.errors import ProcessorUnsupported
from index.runtime.child_process import ChildResult
from index.runtime.library_check import check_libraries
from ui.cli import main
from ui.i18n import error_message

PASSED = ChildResult((), "", 0)
CRASHED = ChildResult((), "", -signal.SIGILL)


class FakeChildren:
    """Fake child processes: the result depends on the package that the program imports, and each start is recorded."""

    def __init__(self, torch: ChildResult = PASSED, faiss: ChildResult = PASSED) -> None:
        self._results = {"torch": torch, "faiss-cpu": faiss}
        self.started: list[str] = []

    def __call__(self, program: str) -> ChildResult:
        package = "faiss-cpu" if "import faiss" in program else "torch"
        self.started.append(package)
        return self._results[package]


def failure(folder: Path, children: FakeChildren) -> ProcessorUnsupported:
    with pytest.raises(ProcessorUnsupported) as unsupported:
        check_libraries(folder, children)
    return unsupported.value


def test_working_libraries_pass(tmp_path: Path) -> None:
    """With real child processes: both libraries run here, since the other tests need them."""
    check_libraries(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("package", ["torch", "faiss"])
def test_crashing_library_is_named_in_error(package: str, tmp_path: Path) -> None:
    error = failure(tmp_path, FakeChildren(**{package: CRASHED}))
    assert error.fields["failure"] == "SIGILL"
    for language in ("en", "ar"):
        assert package in error_message(error, language) and "SIGILL" in error_message(error, language)


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        (ChildResult((), "", None), "timeout"),
        (ChildResult((), "warning", -signal.SIGSEGV), "SIGSEGV"),
        (ChildResult((), "AssertionError: nonsense", 1), "AssertionError: nonsense"),
        (ChildResult((), "", 1), "exit code 1"),
    ],
)
def test_failure_reason_is_signal_or_error(child: ChildResult, reason: str, tmp_path: Path) -> None:
    assert failure(tmp_path, FakeChildren(torch=child)).fields["failure"] == reason


def test_passed_check_is_cached(tmp_path: Path) -> None:
    first, second = FakeChildren(), FakeChildren()
    check_libraries(tmp_path / "cache" / "passed", first)
    check_libraries(tmp_path / "cache" / "passed", second)
    assert (first.started, second.started) == (["torch", "faiss-cpu"], [])


def test_failed_check_is_not_cached(tmp_path: Path) -> None:
    again = FakeChildren()
    failure(tmp_path, FakeChildren(faiss=CRASHED))
    check_libraries(tmp_path, again)
    assert again.started == ["faiss-cpu"]


@pytest.mark.parametrize(
    ("changed", "started"),
    [("processor", ["torch", "faiss-cpu"]), ("numpy", ["torch", "faiss-cpu"]), ("torch", ["torch"])],
)
def test_cached_result_is_per_processor_and_version(
    changed: str, started: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_libraries(tmp_path, FakeChildren())
    if changed == "processor":
        monkeypatch.setattr(index.runtime.library_check, "cpu_digest", lambda: "another")
    else:
        monkeypatch.setattr(
            index.runtime.library_check,
            "version",
            lambda package: "another" if package == changed else version(package),
        )
    again = FakeChildren()
    check_libraries(tmp_path, again)
    assert again.started == started


def test_check_reruns_when_cache_is_unwritable(tmp_path: Path) -> None:
    (tmp_path / "passed").write_text("a file where the folder should be")
    for _ in range(2):
        children = FakeChildren()
        check_libraries(tmp_path / "passed", children)
        assert children.started == ["torch", "faiss-cpu"]


@pytest.mark.parametrize(("language", "sentence"), [("en", "cannot run on this processor"), ("ar", "لا تعمل مكتبة")])
def test_cli_exits_with_localized_error(
    language: str, sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAWAB_LANG", language)
    monkeypatch.setattr(
        qa.components, "check_libraries", lambda folder: check_libraries(folder, FakeChildren(torch=CRASHED))
    )
    with pytest.raises(SystemExit) as ended:
        main(["search", "word", "--index", str(tmp_path)])
    errors = capsys.readouterr().err.strip().split("\n")
    assert ended.value.code == 1
    assert len(errors) == 1
    assert sentence in errors[0] and "torch" in errors[0] and "SIGILL" in errors[0]


def test_child_crash_does_not_end_parent_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    monkeypatch.setattr(index.runtime.library_check, "_PROGRAMS", {"torch": crash})
    with pytest.raises(ProcessorUnsupported) as unsupported:
        check_libraries(tmp_path)
    assert unsupported.value.fields == {"package": "torch", "failure": "SIGILL"}
