"""A copy of a model folder with bfloat16 weights, made once, so that the weights can be mapped from the file.

Weights in float32 must be read and converted at every start, which takes twice their size in memory. Those of the copy
are mapped, and of the table of token embeddings, two thirds of the model, only the rows in use are ever read. Results
are bit for bit those of the converted weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

_CHUNK = 2**22
"""Values converted at a time."""
_HEADER_SIZE = 8


def bfloat16_copy(folder: Path, copies: Path) -> Path:
    """Return the copy of the model `folder` in `copies`, making it if it is missing.

    Where it cannot be made (a full disk), returns `folder` itself. Raises `ValueError` for a file that is not in the
    safetensors format.
    """
    copy = copies / _digest(folder)
    if copy.is_dir():
        return copy
    partial = copy.with_suffix(f".{os.getpid()}.partial")
    try:
        _make(folder, partial)
        partial.rename(copy)
    except OSError:
        # Another process may have made it meanwhile.
        return copy if copy.is_dir() else folder
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return copy


def _digest(folder: Path) -> str:
    stats = [(str(path.relative_to(folder)), path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    files = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return hashlib.sha256(repr((folder.resolve(), files)).encode()).hexdigest()[:16]


def _make(folder: Path, copy: Path) -> None:
    for path in sorted(folder.rglob("*")):
        target = copy / path.relative_to(folder)
        if path.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".safetensors":
            with path.open("rb") as source, target.open("wb") as destination:
                convert(source, destination)
                destination.flush()
                os.fsync(destination.fileno())
        else:
            shutil.copyfile(path, target)


def convert(source: IO[bytes], destination: IO[bytes]) -> None:
    """Write a safetensors file with every float32 tensor as bfloat16, a chunk at a time.

    Raises `ValueError` where `source` is not in that format (github.com/huggingface/safetensors, "Format").
    """
    header = _header(source)
    begin = source.tell()
    tensors = sorted(
        ((name, tensor) for name, tensor in header.items() if name != "__metadata__"),
        key=lambda item: item[1]["data_offsets"],
    )
    new_header, position = {name: value for name, value in header.items() if name == "__metadata__"}, 0
    for name, tensor in tensors:
        size = tensor["data_offsets"][1] - tensor["data_offsets"][0]
        size = size // 2 if tensor["dtype"] == "F32" else size
        dtype = "BF16" if tensor["dtype"] == "F32" else tensor["dtype"]
        new_header[name] = tensor | {"dtype": dtype, "data_offsets": [position, position + size]}
        position += size
    encoded = json.dumps(new_header).encode()
    # The data begins at a multiple of eight bytes.
    encoded += b" " * (-len(encoded) % 8)
    destination.write(len(encoded).to_bytes(_HEADER_SIZE, "little") + encoded)
    for _, tensor in tensors:
        start, end = tensor["data_offsets"]
        source.seek(begin + start)
        for data in _chunks(source, end - start):
            destination.write(_rounded(data) if tensor["dtype"] == "F32" else data)


def _header(source: IO[bytes]) -> dict[str, Any]:
    """Return the header, whose tensors all lie within the file; `source` is then positioned where their data begins."""
    available = source.seek(0, os.SEEK_END) - _HEADER_SIZE
    source.seek(0)
    size = int.from_bytes(source.read(_HEADER_SIZE), "little")
    with suppress(ValueError):
        header = json.loads(source.read(size)) if size <= available else None
        if isinstance(header, dict) and all(
            _lies_within(tensor, available - size) for name, tensor in header.items() if name != "__metadata__"
        ):
            return header
    raise ValueError(source.name)


def _lies_within(tensor: object, size: int) -> bool:
    match tensor:
        case {"dtype": str(), "data_offsets": [int(start), int(end)]}:
            return 0 <= start <= end <= size
        case _:
            return False


def _chunks(source: IO[bytes], size: int) -> Iterator[bytes]:
    for start in range(0, size, 4 * _CHUNK):
        yield source.read(min(4 * _CHUNK, size - start))


def _rounded(data: bytes) -> bytes:
    """Round float32 to bfloat16: to nearest, ties to even, as PyTorch does. Weights are finite."""
    bits = np.frombuffer(data, dtype="<u4")
    even = (bits >> 16) & 1
    rounded: bytes = ((bits + 0x7FFF + even) >> 16).astype("<u2").tobytes()
    return rounded
