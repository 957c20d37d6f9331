"""A check that PyTorch and FAISS run on this processor, made in a child process before they are loaded in this one.

Wheels are compiled for processors of a certain age and kind. On another one the first unknown instruction ends the
process without a message; only the child dies, and the error names the library. The result is stored for each
combination of libraries and processor, and costs nothing at the next start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from index.errors import ProcessorUnsupported
from index.runtime.child_process import ChildResult, python_command, run_child
from index.runtime.cpu import cpu_digest

_VERSION = 1
"""Version of the check; changed to invalidate stored results."""
_SILENCE = 300.0
"""Timeout in seconds for a library. Importing PyTorch from a slow disk takes a minute."""
_PROGRAMS = {
    "torch": """
import torch
for dtype in (torch.float32, torch.bfloat16):
    square = torch.ones(96, 96, dtype=dtype)
    product = torch.nn.functional.softmax(torch.nn.functional.linear(square, square).float(), dim=-1)
    assert abs(float(product.sum()) - 96) < 1, "nonsense"
""",
    "faiss-cpu": """
import faiss, numpy
rows = numpy.eye(64, dtype=numpy.float32).repeat(8, axis=0)
for index in (faiss.IndexFlatIP(64), faiss.index_factory(64, "IVF4,SQfp16", faiss.METRIC_INNER_PRODUCT)):
    index.train(rows)
    index.add(rows)
    scores, found = index.search(rows[:8], 1)
    assert abs(float(scores.sum()) - 8) < 0.1, "nonsense"
""",
}
"""A short program for each package: imports it, computes as Jawab does, and fails if the result is wrong."""

Run = Callable[[str], ChildResult]
"""Runs a program in a child process."""


def check_libraries(folder: Path, run: Run = lambda code: run_child(python_command(code), _SILENCE)) -> None:
    """Raise `ProcessorUnsupported` where a library crashes on this processor. `folder` stores passed checks."""
    for package, program in _PROGRAMS.items():
        passed = folder / f"{package}-{_digest(package)}.passed"
        if passed.exists():
            continue
        child = run(program)
        if child.failure:
            raise ProcessorUnsupported(package=package, failure=_reason(child))
        # Where nothing can be written, the next process checks again.
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            passed.touch()


def _reason(child: ChildResult) -> str:
    """Return the signal, or the error that Python ended with."""
    crashed = child.exit_code is None or child.exit_code < 0
    return str(child.failure) if crashed or not child.last_error else child.last_error


def _digest(package: str) -> str:
    depends_on = _VERSION, version(package), version("numpy"), cpu_digest()
    return hashlib.sha256(repr(depends_on).encode()).hexdigest()[:16]
