"""What computes does so in one thread, and that keeps no helpers when it has nothing to do."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from index.embed import SentenceTransformerEmbedder
from index.one_thread import OneThread, Urgency
from qa.llm.llama import LlamaGenerator
from qa.prompts import answer_prompt


def threads() -> set[Path]:
    """All of this process, those of C too."""
    return set(Path("/proc/self/task").iterdir())


@pytest.mark.real
@pytest.mark.skipif(sys.platform != "linux", reason="it is GCC's OpenMP that counts helpers")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="on one core there are none")
def test_the_helpers_of_a_network_leave_and_come_back(real_embedder: SentenceTransformerEmbedder) -> None:
    import torch

    one, matrix = OneThread("test"), torch.ones(1000, 1000)
    for _ in range(2):
        before = one.do(threads, Urgency.SEARCHING)
        helpers = one.do(lambda: (torch.mm(matrix, matrix), threads())[1], Urgency.SEARCHING) - before
        assert helpers
        until = time.monotonic() + 10
        while helpers & threads():
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.mark.real
def test_the_llm_works_in_one_thread_whoever_asks(
    real_generator: LlamaGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    import llama_cpp

    decode, worked = llama_cpp.llama_decode, set[int]()

    def noted(*arguments: Any) -> int:
        worked.add(threading.get_ident())
        return int(decode(*arguments))

    monkeypatch.setattr(llama_cpp, "llama_decode", noted)
    prompt = answer_prompt("en").ask("At how many stations does it stop?", ["The tram stops at 24 stations."])
    real_generator.draft(prompt, 2, "none")
    pieces = real_generator.write(prompt, 2)
    asking = threading.Thread(target=next, args=(pieces,))
    asking.start()
    asking.join()
    pieces.close()
    assert len(worked) == 1
    assert threading.get_ident() not in worked
