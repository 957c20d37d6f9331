"""The self-test on other processors, under an emulator that supports only their instructions.

Where llama.cpp is built with several backends, one of them works on each processor. Where it was compiled for the
host's processor, the child process crashes on an older one, and its parent survives and reports the signal.
"""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import pytest

from qa.llm.self_test import SelfTest, SelfTestResult
from tests.self_test_children import usual_backends

EMULATOR = "qemu-x86_64"
SILENCE = 500.0
"""Timeout in seconds without output: the emulator is fifty times slower."""


def result_on(cpu: str, model: Path) -> SelfTestResult:
    """The result of a self-test on another processor."""
    if not shutil.which(EMULATOR):
        pytest.skip(f"{EMULATOR} is not here; Debian's package qemu-user has it")
    return SelfTest(None, 2, silence=SILENCE, command_prefix=(EMULATOR, "-cpu", cpu)).result(model)


@pytest.mark.real
@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="programs of Linux on x86-64 are emulated"
)
@pytest.mark.parametrize(
    ("cpu", "fitting"),
    [
        ("Nehalem", {"sse42", "x64"}),  # of 2008, without AVX
        ("Haswell", {"haswell"}),  # of 2013, with AVX2
        ("max", {"haswell"}),  # all that the emulator supports: no AVX-512
    ],
)
def test_self_test_chooses_backend_for_processor(
    cpu: str, fitting: set[str], counting_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # If this is set, NumPy's linear algebra uses code for that processor whatever it runs on.
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    result = result_on(cpu, counting_model)
    if usual_backends():
        assert result.chosen is not None
        assert result.chosen.backend in {f"libggml-cpu-{name}.so" for name in fitting}
        assert not result.failures
    elif result.chosen is None:
        # Compiled for a newer processor than the emulated one.
        assert {attempt.failure for attempt in result.attempts} == {"SIGILL"}
    else:
        assert not result.attempt(result.chosen).failure
