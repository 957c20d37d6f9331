"""The llama.cpp library of llama-cpp-python: its CPU backends, and loading it into this process.

The library is built in one of two ways. Jawab's own build (see the Makefile) has its CPU code in several files, one
for each generation of processors, and one of them is loaded at run time. A plain `pip install` compiles a single one
for the processor at hand, which is loaded with the library.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from index.runtime.openmp import limit_spin_wait

_BACKENDS = "libggml-cpu-*.so"


@dataclass(frozen=True)
class LlamaConfiguration:
    """Configuration of llama.cpp: its CPU code, by file name, and whether weights are repacked for the processor.

    `backend` is empty if the library has its CPU code built in. `extra_buffers` is llama.cpp's
    `use_extra_bufts`: repacked copies of the weights, AMX tiles among them.
    """

    backend: str = ""
    extra_buffers: bool = False


def library_folder() -> Path:
    """Return the folder of the shared libraries; llama-cpp-python's variable LLAMA_CPP_LIB_PATH overrides it."""
    if chosen := os.environ.get("LLAMA_CPP_LIB_PATH"):
        return Path(chosen)
    spec = find_spec("llama_cpp")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "lib" if places else Path("lib")


def library_digest() -> str:
    """Digest that changes with llama-cpp-python's version and with any file of the library."""
    stats = ((path.name, path.stat()) for path in sorted(library_folder().glob("lib*")))
    files = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return hashlib.sha256(repr((version("llama-cpp-python"), files)).encode()).hexdigest()[:16]


def rated_backends() -> list[str]:
    """Return the files of CPU code that rate themselves usable here, best first; none if the code is built in.

    A file must be loaded to get its rating, so call this in a child process.
    """
    import llama_cpp  # noqa: F401 - loads the libraries that the files are linked to

    rated = [(_rating(path), path.name) for path in library_folder().glob(_BACKENDS)]
    return [name for rating, name in sorted(rated, reverse=True) if rating > 0]


def _rating(path: Path) -> int:
    """Return the file's own rating, 0 if it does not fit this processor or cannot be loaded."""
    try:
        score: Callable[[], int] = ctypes.CDLL(str(path)).ggml_backend_score
    except (OSError, AttributeError):
        return 0
    return score()


@cache
def load_library(backend: str) -> Any:
    """Return the module `llama_cpp` with the CPU code `backend` loaded.

    Raises `OSError` if that cannot be loaded, or if there is none: the library would refuse every model.
    """
    limit_spin_wait()
    import llama_cpp

    # Otherwise llama.cpp logs its whole setup on standard error; failures are reported by Jawab.
    logging.getLogger("llama-cpp-python").setLevel(logging.CRITICAL)
    # ggml functions are looked up through llama.cpp's library: that is the copy of ggml which computes.
    ggml = llama_cpp.llama_cpp._lib
    if backend:
        load = ggml.ggml_backend_load
        load.argtypes, load.restype = [ctypes.c_char_p], ctypes.c_void_p
        if not load(os.fsencode(library_folder() / backend)):
            raise OSError(backend)
    llama_cpp.llama_backend_init()
    if not ggml.ggml_backend_reg_count():
        raise OSError("no CPU code")
    return llama_cpp
