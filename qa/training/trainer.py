"""Training loop: batches of like length, a learning rate that rises and falls, steps that are logged and resumed."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from tqdm import tqdm

from index.storage.durable import put_in_place
from qa.reader.lora import ReaderNetwork
from qa.reader.tokenization import ReaderInput
from qa.training.recipe import Recipe

SAVE_EVERY = 100
POOL = 50
"""Batches among which examples are sorted by length: little is padded, and the order stays random enough."""


class Target(NamedTuple):
    """Start and end token of the answer, both 0 for none, and the verdict: 0 yes, 1 no, 2 neither, -1 not asked."""

    start: int
    end: int
    verdict: int = -1


@dataclass(frozen=True)
class Batch:
    """Inputs with what is to be learnt of them."""

    inputs: tuple[ReaderInput, ...]
    targets: tuple[Target, ...]


EncodedExample = tuple[ReaderInput, Target]
Loss = Callable[[ReaderNetwork, Batch], torch.Tensor]


def in_batches(examples: Sequence[EncodedExample], recipe: Recipe, draw: random.Random) -> list[Batch]:
    """Batch examples of similar length, in random order."""
    ready = list(examples)
    draw.shuffle(ready)
    pool = POOL * recipe.tokens_a_batch // 128
    batches: list[Batch] = []
    for first in range(0, len(ready), pool):
        part = sorted(ready[first : first + pool], key=lambda one: len(one[0].ids))
        made = []
        while part:
            count = max(1, recipe.tokens_a_batch // len(part[min(len(part), 16) - 1][0].ids))
            made.append(Batch(tuple(i for i, _ in part[:count]), tuple(t for _, t in part[:count])))
            part = part[count:]
        draw.shuffle(made)
        batches += made
    return batches


def learning_rates(steps: int, warm_up: int) -> list[float]:
    """Return the learning rate schedule as shares of the peak: linear warm-up, then linear decay."""
    falling = max(1, steps - warm_up)
    return [min((step + 1) / warm_up, max(0.0, (steps - step) / falling)) for step in range(steps)]


class Training:
    """Training run with its state in the work folder: network, optimizer, step."""

    def __init__(
        self, network: ReaderNetwork, batches: Sequence[Batch], loss: Loss, recipe: Recipe, work: Path
    ) -> None:
        rates = learning_rates(len(batches), recipe.warm_up)
        self._network = network
        self._loss = loss
        self._batches = batches
        self._state = work / "state.pt"
        self._log = work / "log.jsonl"
        heads = {id(parameter) for parameter in network.heads()}
        corrections = [parameter for parameter in network.adapter_state().values() if id(parameter) not in heads]
        self._optimizer = torch.optim.AdamW(
            [{"params": corrections, "lr": recipe.rate}, {"params": network.heads(), "lr": recipe.head_rate}],
            weight_decay=0.0,
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer, lambda step: rates[min(step, len(rates) - 1)]
        )
        self._step = 0
        if self._state.is_file():
            self._resume()

    def run(self) -> None:
        bar = tqdm(
            self._batches[self._step :], initial=self._step, total=len(self._batches), unit="step", mininterval=5
        )
        with self._log.open("a", encoding="utf-8") as log:
            for batch in bar:
                start = time.perf_counter()
                loss = self._learn(batch)
                self._step += 1
                tokens = sum(len(given.ids) for given in batch.inputs)
                row = {"step": self._step, "loss": round(loss, 4), "tokens": tokens}
                row["seconds"] = round(time.perf_counter() - start, 3)
                log.write(json.dumps(row) + "\n")
                bar.set_postfix(loss=f"{loss:.3f}", tokens_s=round(tokens / row["seconds"]), refresh=False)
                if self._step % SAVE_EVERY == 0:
                    log.flush()
                    self._save()

    def _learn(self, batch: Batch) -> float:
        loss = self._loss(self._network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._network.adapter_state().values(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._schedule.step()
        return float(loss.detach())

    def _save(self) -> None:
        state = {
            "step": self._step,
            "learnt": self._network.adapter_state(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
        }
        beside = self._state.with_suffix(".new")
        torch.save(state, beside)
        put_in_place(beside, self._state)

    def _resume(self) -> None:
        state = torch.load(self._state, weights_only=True)
        self._step = state["step"]
        # Steps after the last kept state are taken again.
        rows = self._log.read_text(encoding="utf-8").splitlines(keepends=True)[: self._step]
        self._log.write_text("".join(rows), encoding="utf-8")
        self._network.load_adapter_state(state["learnt"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
