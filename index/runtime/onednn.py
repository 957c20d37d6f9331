"""Limit the primitive caches of oneDNN, which PyTorch uses for matrix products on a CPU.

oneDNN compiles machine code for every shape, and caches it for a thousand shapes. Texts come in hundreds of lengths,
and each length of each batch is a shape: a server grew by hundreds of megabytes in half an hour of questions. A
network's layers are alike, so only the few shapes of the current text are needed again soon. There are two nested
caches, each with its own variable: oneDNN's, and that of ideep, through which PyTorch calls it
(github.com/pytorch/pytorch/issues/27971).
"""

from __future__ import annotations

import os

_CACHE_CAPACITIES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "16"}
"""Default 1,024 each. One question's pass through the network has eight shapes, according to `ONEDNN_VERBOSE=1`."""


def limit_primitive_cache() -> None:
    """Cache code for a few shapes only. Call before torch's first multiplication: the variables are read once."""
    for name, capacity in _CACHE_CAPACITIES.items():
        os.environ.setdefault(name, capacity)
