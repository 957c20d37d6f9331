"""Models compute in one thread, whose OpenMP helper threads exit when it is idle."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from index.embeddings import SentenceTransformerEmbedder
from index.runtime.openmp import limit_spin_wait
from index.runtime.priority_executor import Priority, PriorityExecutor
from qa.llm.llama_cpp_llm import LlamaCppLLM
from qa.prompts import answer_prompt


def threads() -> set[Path]:
    """All threads of this process, native ones included."""
    return set(Path("/proc/self/task").iterdir())


@pytest.mark.real
@pytest.mark.skipif(sys.platform != "linux", reason="it is GCC's OpenMP that counts helpers")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="on one core there are none")
def test_openmp_helpers_exit_when_idle_and_restart(real_embedder: SentenceTransformerEmbedder) -> None:
    import torch

    one, matrix = PriorityExecutor("test"), torch.ones(1000, 1000)
    for _ in range(2):
        before = one.do(threads, Priority.SEARCHING)
        helpers = one.do(lambda: (torch.mm(matrix, matrix), threads())[1], Priority.SEARCHING) - before
        assert helpers
        until = time.monotonic() + 10
        while helpers & threads():
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.mark.real
def test_llm_decodes_in_one_thread_for_all_callers(
    real_generator: LlamaCppLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    import llama_cpp

    decode, worked = llama_cpp.llama_decode, set[int]()

    def noted(*arguments: Any) -> int:
        worked.add(threading.get_ident())
        return int(decode(*arguments))

    monkeypatch.setattr(llama_cpp, "llama_decode", noted)
    prompt = answer_prompt("en").ask("At how many stations does it stop?", ["The tram stops at 24 stations."])
    real_generator.generate_candidate(prompt, 2, "none")
    pieces = real_generator.stream(prompt, 2)
    asking = threading.Thread(target=next, args=(pieces,))
    asking.start()
    asking.join()
    pieces.close()
    assert len(worked) == 1
    assert threading.get_ident() not in worked


@pytest.mark.real
@pytest.mark.skipif(sys.platform != "linux", reason="GCC's OpenMP")
@pytest.mark.parametrize("which", ["embedder", "llm"])
def test_openmp_spin_count_is_limited(which: str, request: pytest.FixtureRequest) -> None:
    if which == "embedder":
        real: SentenceTransformerEmbedder = request.getfixturevalue("real_embedder")
        load = f"from index.embeddings import *; SentenceTransformerEmbedder(Path({str(real._folder)!r})).dimension"
    else:
        file = request.getfixturevalue("real_generator").path
        configuration = request.getfixturevalue("real_generator").configuration
        load = (
            "from qa.llm.llama_cpp_llm import *; from qa.llm.llama_library import LlamaConfiguration; "
            f"LlamaCppLLM(Path({str(file)!r}), {configuration!r}).count_tokens('')"
        )
    told = subprocess.run(
        [sys.executable, "-c", "from pathlib import Path; " + load],
        env={"PATH": os.environ["PATH"], "OMP_DISPLAY_ENV": "verbose"},
        cwd=Path(__file__).parent.parent,
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    assert "GOMP_SPINCOUNT = '3000'" in told


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_user_openmp_wait_settings_are_respected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.setenv(name, "active")
    before = dict(os.environ)
    limit_spin_wait()
    assert dict(os.environ) == before
