"""The primitive cache of oneDNN is limited: memory does not grow with the number of different text lengths."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from index.embeddings import SentenceTransformerEmbedder
from index.runtime.onednn import limit_primitive_cache

_GROWTH = """
import ctypes, sys
from pathlib import Path
from index.embeddings import SentenceTransformerEmbedder

class Told(ctypes.Structure):  # glibc's `mallinfo2`
    _fields_ = [(name, ctypes.c_size_t) for name in "arena a b c d e f uordblks fordblks keepcost".split()]

told = ctypes.CDLL(None).mallinfo2
told.restype = Told
embedder = SentenceTransformerEmbedder(Path(sys.argv[1]))

def read(lengths):
    for length in lengths:
        embedder.embed_queries(["word " * length])
    return told().uordblks

before = read(range(3, 43))
print((read(range(43, 163)) - before) / 1e6)
"""
"""Prints the megabytes that a process still holds after 120 more lengths of text."""


@pytest.mark.real
@pytest.mark.skipif(sys.platform != "linux", reason="glibc tells what it has given out")
def test_memory_does_not_grow_with_text_lengths(real_embedder: SentenceTransformerEmbedder) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _GROWTH, str(real_embedder._folder)],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert float(told) < 10


@pytest.mark.parametrize("name", ["ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"])
def test_explicit_cache_capacity_is_respected(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {name: "7"})
    limit_primitive_cache()
    assert os.environ.pop(name) == "7"
    assert len(os.environ) == 1
