"""The helpers that OpenMP keeps for each thread that has computed: how long they wait awake, and when they go.

GCC's OpenMP counts them, idle ones too. Where there are more than cores, none stays awake for its next piece of work,
and every layer of a network begins with waking them. On two cores a search took half as long again once the LLM had
written anything, and the LLM wrote a third slower once anything had been searched.

Where there are not, each waits awake for milliseconds, and takes its core from whatever else is at work on it: two
programs that compute are four times as slow as one, and not twice.
"""

from __future__ import annotations

import ctypes
import os
import sys

_SOFTLY = 1
"""`omp_pause_soft`: settings are kept."""

_TURNS = 3_000
"""That a helper waits awake, of 300,000 by default. It costs nothing that can be measured; 1,000 and fewer do."""


def limit_spin_wait() -> None:
    """Let idle helpers soon leave their cores to others. Before torch or llama.cpp is loaded, which reads it once."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(_TURNS))


def release_worker_threads() -> None:
    """End the helpers of the thread that calls; with its next work they are there again, in some microseconds."""
    if sys.platform != "linux":
        return
    program = ctypes.CDLL(None)
    # LLVM's OpenMP has a function of this name that ends the helpers of every thread, those at work too.
    if hasattr(program, "omp_pause_resource_all") and not hasattr(program, "__kmpc_fork_call"):
        program.omp_pause_resource_all(_SOFTLY)
