"""A child process: its parent reads how it ended, and nothing of its surroundings reaches it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from index.runtime.child_process import ChildResult, python_command, run_child


def run(code: str, *arguments: str, silence: float = 60) -> ChildResult:
    return run_child(python_command(code, arguments), silence)


def test_it_says_what_it_wrote() -> None:
    child = run("print('first'); print('ثانٍ'); print('warning', 'last', sep='\\n', file=sys.stderr)")
    assert child == ChildResult(("first", "ثانٍ"), "last", 0)
    assert child.failure is None


@pytest.mark.parametrize("name", ["SIGILL", "SIGSEGV", "SIGKILL", "SIGABRT"])
def test_a_signal_is_named(name: str) -> None:
    child = run(f"import os, signal; print('before', flush=True); os.kill(os.getpid(), signal.{name})")
    assert child.failure == name
    assert child.lines == ("before",)


def test_a_signal_without_a_name_is_numbered() -> None:
    assert ChildResult((), "", -200).failure == "signal 200"


def test_exit_code_is_reported() -> None:
    assert run("sys.exit(3)").failure == "exit code 3"
    assert run("raise ValueError('this')").last_error == "ValueError: this"


def test_one_that_hangs_is_ended() -> None:
    child = run("import time; print('before', flush=True); time.sleep(1000)", silence=2)
    assert child.failure == "timeout"
    assert child.lines == ("before",)


def test_one_that_closes_its_output_and_goes_on_is_ended() -> None:
    child = run("import os, time; os.close(1); os.close(2); time.sleep(1000)", silence=2)
    assert child.failure == "timeout"


def test_one_that_goes_on_reporting_is_not_ended() -> None:
    begun = time.monotonic()
    child = run("import time\nfor i in range(8): print(i, flush=True); time.sleep(.5)", silence=3)
    assert child.failure is None
    assert len(child.lines) == 8
    assert time.monotonic() - begun > 3


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_one_that_writes_too_much_is_ended(stream: str) -> None:
    child = run(f"\nwhile True: sys.{stream}.write('x' * 65536)")
    assert child.exit_code is None


def test_it_has_nothing_to_read() -> None:
    assert run("print(repr(sys.stdin.read()))").lines == ("''",)


def test_what_it_writes_need_not_be_text() -> None:
    assert run("sys.stdout.buffer.write(b'\\xff\\n')").lines == ("\N{REPLACEMENT CHARACTER}",)


def test_arguments_arrive_as_they_are() -> None:
    given = ["", "two words", "«ا»", "-c", "--help", "'\"$HOME"]
    assert run("print(repr(sys.argv[1:]))", *given).lines == (repr(given),)


def test_variables_of_python_do_not_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    monkeypatch.chdir(tmp_path)
    assert run("import json; print(json.dumps('ا', ensure_ascii=False))") == ChildResult(('"ا"',), "", 0)


def test_it_imports_what_its_parent_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text("value = 7")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir("/")
    child = run("import only_here, index.runtime.cpu; print(only_here.value, index.runtime.cpu.__file__)")
    assert child.lines == (f"7 {Path(__file__).parent.parent / 'index' / 'runtime' / 'cpu.py'}",)


def test_a_relative_folder_of_its_parents_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", ".", "here", *sys.path])
    assert run("import os; print(all(map(os.path.isabs, sys.path)))").lines == ("True",)


def test_keys_of_the_terminal_do_not_reach_it() -> None:
    (line,) = run("import os; print(os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid(), os.getcwd())").lines
    assert line == "True True /"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells which files are open")
def test_its_end_leaves_nothing_open() -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = open_files()
    for code in ("", "sys.exit(3)", "import os; os.abort()"):
        run(code)
    assert open_files() == before
