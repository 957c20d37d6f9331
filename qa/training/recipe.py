"""The recipe: all that the reader's weights depend on, beside the data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Rates are AdamW's; in each course they rise, then fall to nothing.

    `again` is how often the second course goes through Arabic and English, and `wide` how often the third does, with
    excerpts of up to `widest` tokens; `again_rate` is their peak, as a share of the first's. Otherwise excerpts have
    `shortest` to `longest` tokens; for a share of `not_here` of the examples they do not
    hold the answer. To a share of `swapped` of the answerable examples one is added whose question is about something
    else (`qa/training/swaps.py`). `examples` is how many of the mixture's are learnt from, drawn at random; 0 for all.
    `share` is how much of all data is learnt from: for trials.
    """

    layers: int = 12
    rank: int = 32
    rate: float = 4e-4
    head_rate: float = 1e-3
    warm_up: int = 40
    tokens_a_batch: int = 2048
    japanese: int = 3000
    hebrew: int = 3005
    parallel: int = 800
    again: int = 2
    wide: int = 0
    again_rate: float = 0.5
    shortest: int = 40
    longest: int = 170
    widest: int = 400
    not_here: float = 0.3
    swapped: float = 0.0
    examples: int = 0
    share: float = 1.0
    seed: int = 0
