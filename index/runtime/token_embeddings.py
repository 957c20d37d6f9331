"""Token embeddings that are read from their file: only the rows of the tokens in use are loaded.

EmbeddingGemma's table has 262,144 rows, 400 MB in bfloat16 and two thirds of the model. Mapped into memory it gradually
becomes resident, because the system maps sixteen pages around each that is touched.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_HEADER_SIZE = 8
_DTYPES = {"F32": "float32", "BF16": "bfloat16"}


def read_rows_from_file(embedding: torch.nn.Embedding, file: Path) -> bool:
    """Make `embedding` read its rows from the safetensors file that its weights came from.

    Returns whether the file has such a table; if not, nothing is changed. For inference only, and for one thread.
    """
    import torch

    table = _find_table(file, embedding)
    if table is None:
        return False
    descriptor = os.open(file, os.O_RDONLY)
    width = embedding.embedding_dim * embedding.weight.element_size()
    rows = copy.copy(embedding)
    # The padding index matters in training only, and may be out of range among the loaded rows.
    rows.padding_idx = None

    def forward(ids: torch.Tensor) -> torch.Tensor:
        unique, places = torch.unique(ids, return_inverse=True)
        if unique[-1] >= embedding.num_embeddings:
            raise IndexError(int(unique[-1]))
        data = b"".join(os.pread(descriptor, width, table + width * row) for row in unique.tolist())
        weight = torch.frombuffer(bytearray(data), dtype=embedding.weight.dtype).view(-1, embedding.embedding_dim)
        rows._parameters = {"weight": torch.nn.Parameter(weight, requires_grad=False)}
        result: torch.Tensor = type(embedding).forward(rows, places)
        return result

    embedding.forward = forward  # type: ignore[assignment,method-assign]
    return True


def _find_table(file: Path, embedding: torch.nn.Embedding) -> int | None:
    """Return the offset of the embedding's table in the file: the only tensor of its shape, type and name."""
    with file.open("rb") as opened:
        size = int.from_bytes(opened.read(_HEADER_SIZE), "little")
        header: dict[str, Any] = json.loads(opened.read(size))
    shape = [embedding.num_embeddings, embedding.embedding_dim]
    offsets = [
        tensor["data_offsets"][0]
        for name, tensor in header.items()
        if name.endswith("embed_tokens.weight")
        and tensor["shape"] == shape
        and f"torch.{_DTYPES.get(tensor['dtype'])}" == str(embedding.weight.dtype)
    ]
    return _HEADER_SIZE + size + int(offsets[0]) if len(offsets) == 1 else None
