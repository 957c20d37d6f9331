"""The processor of this machine: its name, and a digest of its model and instruction sets."""

from __future__ import annotations

import hashlib
import platform
import re
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_IDENTIFYING_FIELDS = ("model name", "flags", "Features", "CPU implementer", "CPU part")


@cache
def cpu_name() -> str:
    """Return the manufacturer's name for the processor, if the system reports it."""
    return _described().get("model name") or platform.processor() or platform.machine()


@cache
def cpu_digest() -> str:
    """Return a digest that changes with the processor's model and with the instruction sets that the system reports."""
    described = [platform.system(), platform.machine(), platform.processor(), *sorted(_described().items())]
    return hashlib.sha256(repr(described).encode()).hexdigest()[:16]


def _described() -> dict[str, str]:
    """Return the fields of the first processor in Linux's /proc/cpuinfo; empty on other systems."""
    try:
        first, _, _ = _CPUINFO.read_text(encoding="utf-8", errors="replace").partition("\n\n")
    except OSError:
        return {}
    pairs = (re.split(r"\s*:\s*", line, maxsplit=1) for line in first.splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[0] in _IDENTIFYING_FIELDS}
