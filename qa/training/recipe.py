"""Training configuration: all that the weights depend on, beside the data and the initial weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run.

    `layers` and `rank` are the network's (`qa.reader.lora.LoRAConfig`). `rate` and `head_rate` are AdamW's learning
    rates of the corrections and of the heads: they rise for `warm_up` steps and fall to nothing. `doubt` is the weight
    of the losses of the second and third head, beside that of the spans.

    `share` is how much of the mixture (`qa/training/reader_data.py`) is learnt from. Of the examples that the paragraph
    answers, for a share of `not_here` one more is made with another excerpt, for a share of `swapped` one with a
    question about something else (`qa/training/swaps.py`), and for a share of `elsewhere` one under another article's
    title. `siblings` examples are of articles alike but for a detail (`qa/training/siblings.py`), `own` of the question
    sets. Of the families' questions (`qa/training/families.py`) a share of `families` is taken, those of yes or no
    `verdicts` times. Excerpts have `shortest` to `longest` tokens; a share of `untitled` has no title, one of `dated` a
    date.
    """

    layers: int = 18
    rank: int = 64
    rate: float = 2e-4
    head_rate: float = 4e-4
    warm_up: int = 40
    tokens_a_batch: int = 2048
    doubt: float = 0.5
    share: float = 1.0
    own: int = 400
    siblings: int = 400
    families: float = 1.0
    verdicts: int = 1
    shortest: int = 40
    longest: int = 260
    not_here: float = 0.08
    swapped: float = 0.06
    elsewhere: float = 0.03
    untitled: float = 0.1
    dated: float = 0.3
    seed: int = 0
