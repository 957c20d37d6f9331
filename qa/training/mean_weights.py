"""Average weights files of one shape: `python -m qa.training.mean_weights --out FILE FILE=SHARE FILE=SHARE …`.

Runs that began with the same weights and went on with other examples are still close enough for the mean of their
parameters to be better than either (model soups, Wortsman et al. 2022). `--head FILE` takes the verdict head, which
is trained on few examples, from one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

_HEAD = "verdict"
"""Part of the names of the verdict head's parameters."""


def mean_of(files: Mapping[Path, float], head: Path | None = None) -> dict[str, torch.Tensor]:
    """Return the weighted mean of the files' tensors; shares need not sum to 1. All must be of one shape."""
    total = sum(files.values())
    loaded = {file: load_file(file) for file in files}
    names = next(iter(loaded.values()))
    mean = {
        name: sum((loaded[file][name].float() * (share / total) for file, share in files.items()), torch.tensor(0.0))
        for name in names
    }
    if head:
        mean |= {name: tensor.float() for name, tensor in load_file(head).items() if _HEAD in name}
    return {name: tensor.to(torch.bfloat16) for name, tensor in mean.items()}


@click.command(help=__doc__)
@click.argument("files", nargs=-1, required=True, metavar="FILE=SHARE …")
@click.option("--head", type=click.Path(path_type=Path, exists=True), help="File that the verdict head is taken from.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(files: Sequence[str], head: Path | None, out: Path) -> None:
    shares = {Path(file): float(share) for file, _, share in (given.rpartition("=") for given in files)}
    with safe_open(next(iter(shares)), "pt") as first:
        metadata = first.metadata()
    save_file(mean_of(shares, head), out, metadata=metadata)


if __name__ == "__main__":
    main()
