"""The helpers that OpenMP keeps for each thread that has computed.

GCC's OpenMP counts them, idle ones too. Where there are more than cores, none stays awake for its next piece of work,
and every layer of a network begins with waking them. On two cores a search took half as long again once the LLM had
written anything, and the LLM wrote a third slower once anything had been searched.
"""

from __future__ import annotations

import ctypes
import sys


def dismiss_helpers() -> None:
    """End the helpers of the thread that calls; with its next work they are there again, in some microseconds."""
    if sys.platform != "linux":
        return
    program = ctypes.CDLL(None)
    # LLVM's OpenMP has a function of this name that ends the helpers of every thread, those at work too.
    if hasattr(program, "omp_pause_resource_all") and not hasattr(program, "__kmpc_fork_call"):
        program.omp_pause_resource_all(_SOFTLY)


_SOFTLY = 1
"""`omp_pause_soft`: settings are kept."""
