"""The llama.cpp library that llama-cpp-python brings: which CPU code it has, and loading it into this process.

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
    """The way llama.cpp computes: its CPU code, by file name, and whether weights are repacked for the processor.

    `backend` is empty where the library has its CPU code built in. `extra_buffers` is llama.cpp's
    `use_extra_bufts`: repacked copies of the weights, AMX tiles among them.
    """

    backend: str = ""
    extra_buffers: bool = False


def library_folder() -> Path:
    """The folder of the shared libraries; llama-cpp-python's variable LLAMA_CPP_LIB_PATH names another one."""
    if chosen := os.environ.get("LLAMA_CPP_LIB_PATH"):
        return Path(chosen)
    spec = find_spec("llama_cpp")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) / "lib" if places else Path("lib")


def library_digest() -> str:
    """Changes with llama-cpp-python's version and with any file of the library."""
    stats = ((path.name, path.stat()) for path in sorted(library_folder().glob("lib*")))
    files = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return hashlib.sha256(repr((version("llama-cpp-python"), files)).encode()).hexdigest()[:16]


def rated_backends() -> list[str]:
    """The files of CPU code that say they fit this processor, best first; none where the code is built in.

    To ask a file it must be loaded, so this is for a child process.
    """
    import llama_cpp  # noqa: F401 - brings the libraries that the files are linked to

    rated = [(_rating(path), path.name) for path in library_folder().glob(_BACKENDS)]
    return [name for rating, name in sorted(rated, reverse=True) if rating > 0]


def _rating(path: Path) -> int:
    """The file's own rating, 0 where it does not fit this processor or cannot be loaded."""
    try:
        score: Callable[[], int] = ctypes.CDLL(str(path)).ggml_backend_score
    except (OSError, AttributeError):
        return 0
    return score()


@cache
def load_library(backend: str) -> Any:
    """The module `llama_cpp` with the CPU code `backend` loaded.

    Raises `OSError` where that cannot be loaded, and where there is none: the library would refuse every model.
    """
    limit_spin_wait()
    import llama_cpp

    # llama.cpp reports its whole setup on standard error otherwise; failures are reported by Jawab.
    logging.getLogger("llama-cpp-python").setLevel(logging.CRITICAL)
    # Functions of ggml, found through llama.cpp's library: that is the copy of ggml which computes.
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
