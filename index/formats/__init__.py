"""File formats: one small module a format, discovered automatically.

A module of this package is a format if it defines `SUFFIXES` (".txt", …) and `read(data) -> Iterator[ParsedDocument]`.
To add a format, add such a file; nothing else needs to change.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import cast

from index.formats.parsed import ParsedDocument, Rejected

Reader = Callable[[bytes], Iterator[ParsedDocument | Rejected]]


@cache
def parsers() -> dict[str, Reader]:
    """Return the parser of every format, by file suffix in lower case."""
    found: dict[str, Reader] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = import_module(f"{__name__}.{module_info.name}")
        for suffix in getattr(module, "SUFFIXES", ()):
            found[suffix] = cast(Reader, module.read)
    return found
