"""Loss curve of a training run. Needs the extra `train` (matplotlib)."""

from __future__ import annotations

import json
from pathlib import Path

WINDOW = 25
"""Steps of the moving average."""


def draw_curve(log: Path, picture: Path) -> None:
    """Draw the losses of `log` (a JSON object a line: `step`, `loss`) to `picture`."""
    from matplotlib.figure import Figure

    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    losses = [row["loss"] for row in rows]
    means = [
        sum(losses[max(0, at - WINDOW) : at + 1]) / len(losses[max(0, at - WINDOW) : at + 1])
        for at in range(len(losses))
    ]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([row["step"] for row in rows], losses, color="0.8", linewidth=0.6, label="each step")
    axes.plot([row["step"] for row in rows], means, color="tab:blue", label=f"mean of {WINDOW} steps")
    axes.set(xlabel="step", ylabel="loss (cross-entropy of start and end)", ylim=(0, None))
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=120)
