"""Child processes: the exit status is reported, and the child is isolated from its environment."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from index.runtime.child_process import ChildResult, python_command, run_child


def run(code: str, *arguments: str, silence: float = 60) -> ChildResult:
    return run_child(python_command(code, arguments), silence)


def test_output_lines_and_last_error_are_returned() -> None:
    child = run("print('first'); print('ثانٍ'); print('warning', 'last', sep='\\n', file=sys.stderr)")
    assert child == ChildResult(("first", "ثانٍ"), "last", 0)
    assert child.failure is None


@pytest.mark.parametrize("name", ["SIGILL", "SIGSEGV", "SIGKILL", "SIGABRT"])
def test_failure_names_signal(name: str) -> None:
    child = run(f"import os, signal; print('before', flush=True); os.kill(os.getpid(), signal.{name})")
    assert child.failure == name
    assert child.lines == ("before",)


def test_unnamed_signal_is_reported_by_number() -> None:
    assert ChildResult((), "", -200).failure == "signal 200"


def test_exit_code_is_reported() -> None:
    assert run("sys.exit(3)").failure == "exit code 3"
    assert run("raise ValueError('this')").last_error == "ValueError: this"


def test_silent_child_is_killed_after_timeout() -> None:
    child = run("import time; print('before', flush=True); time.sleep(1000)", silence=2)
    assert child.failure == "timeout"
    assert child.lines == ("before",)


def test_child_with_closed_output_is_killed_after_timeout() -> None:
    child = run("import os, time; os.close(1); os.close(2); time.sleep(1000)", silence=2)
    assert child.failure == "timeout"


def test_child_that_keeps_writing_is_not_killed() -> None:
    begun = time.monotonic()
    child = run("import time\nfor i in range(8): print(i, flush=True); time.sleep(.5)", silence=3)
    assert child.failure is None
    assert len(child.lines) == 8
    assert time.monotonic() - begun > 3


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_child_with_excessive_output_is_killed(stream: str) -> None:
    child = run(f"\nwhile True: sys.{stream}.write('x' * 65536)")
    assert child.exit_code is None


def test_stdin_is_empty() -> None:
    assert run("print(repr(sys.stdin.read()))").lines == ("''",)


def test_invalid_utf8_output_is_replaced() -> None:
    assert run("sys.stdout.buffer.write(b'\\xff\\n')").lines == ("\N{REPLACEMENT CHARACTER}",)


def test_arguments_are_passed_verbatim() -> None:
    given = ["", "two words", "«ا»", "-c", "--help", "'\"$HOME"]
    assert run("print(repr(sys.argv[1:]))", *given).lines == (repr(given),)


def test_python_environment_variables_are_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.chdir(tmp_path)
    assert run("import json; print(json.dumps('ا', ensure_ascii=False))") == ChildResult(('"ا"',), "", 0)


def test_child_inherits_import_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text("value = 7")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir("/")
    child = run("import only_here, index.runtime.cpu; print(only_here.value, index.runtime.cpu.__file__)")
    assert child.lines == (f"7 {Path(__file__).parent.parent / 'index' / 'runtime' / 'cpu.py'}",)


def test_relative_import_paths_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", ".", "here", *sys.path])
    assert run("import os; print(all(map(os.path.isabs, sys.path)))").lines == ("True",)


def test_child_runs_in_own_session() -> None:
    (line,) = run("import os; print(os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid(), os.getcwd())").lines
    assert line == "True True /"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells which files are open")
def test_no_file_descriptors_are_leaked() -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_files()
    for code in ("", "sys.exit(3)", "import os; os.abort()"):
        run(code)
    assert open_files() == before
