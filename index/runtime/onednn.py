"""What oneDNN, with which PyTorch multiplies on a CPU, keeps of its work: little, and no more as time goes on.

For every shape that it meets it writes machine code, and keeps that for a thousand shapes. Texts come in hundreds of
lengths, and each length of each batch is a shape: a server grew by hundreds of megabytes in half an hour of questions.
A network's layers are alike, so that the few shapes of the text at hand are all that is met again at once. Two caches
lie one upon the other, each with a variable of its own: oneDNN's, and that of ideep, through which PyTorch calls it
(github.com/pytorch/pytorch/issues/27971).
"""

from __future__ import annotations

import os

_KEPT = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "16"}
"""Of 1,024 each by default; a question's pass through the network meets eight shapes, as `ONEDNN_VERBOSE=1` tells."""


def limit_primitive_cache() -> None:
    """Keep the code for a few shapes alone. Before torch multiplies anything, for it reads this once."""
    for name, many in _KEPT.items():
        os.environ.setdefault(name, many)
