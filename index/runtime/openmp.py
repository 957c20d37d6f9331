"""Control of the worker threads that OpenMP creates for each thread that has computed: spin time and lifetime.

GCC's OpenMP counts them, including idle ones. Where they outnumber the cores, none spins for its next piece of work,
and every layer of a network begins with waking them. On two cores a search took half as long again once the LLM had
generated anything, and the LLM was a third slower once anything had been searched.

Otherwise each spins for milliseconds and takes its core from other work: two programs that compute are four times as
slow as one, not twice.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PAUSE_SOFT = 1
"""`omp_pause_soft`: settings are preserved."""

_SPIN_COUNT = 3_000
"""Spin count of an idle worker; default 300,000. No measurable cost; 1,000 and fewer have one."""


def limit_spin_wait() -> None:
    """Make idle workers yield their cores soon. Call before torch or llama.cpp is loaded, which reads it once."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(_SPIN_COUNT))


def release_worker_threads() -> None:
    """End the calling thread's workers; its next work starts them again, in some microseconds."""
    if sys.platform != "linux":
        return
    program = ctypes.CDLL(None)
    # LLVM's OpenMP has a function of this name that ends the workers of every thread, busy ones too.
    if hasattr(program, "omp_pause_resource_all") and not hasattr(program, "__kmpc_fork_call"):
        program.omp_pause_resource_all(_PAUSE_SOFT)
