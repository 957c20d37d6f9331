"""Initial weights of a run: those of an earlier one, also of fewer layers or a lower rank."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from qa.reader.lora import ReaderNetwork


def load_start(network: ReaderNetwork, file: Path) -> None:
    """Load weights into a network of at least their layers and rank.

    What they lack stays as it was initialised: a correction whose `up` is 0 changes nothing, so the network computes
    the same as the earlier one.
    """
    earlier = load_file(file)
    with torch.no_grad():
        for name, parameter in network.adapter_state().items():
            if (given := earlier.get(name)) is not None:
                parameter[tuple(slice(0, size) for size in given.shape)] = given.to(parameter.dtype)
