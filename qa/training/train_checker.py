"""Teach the embedder's network to check sentences: `python -m qa.training.train_checker --sets BENCH --work FOLDER`.

What it learns from is made of question sets (`qa/training/claims.py`); `--pairs` are sentences and quotations written
by people, to measure it on. `--from` starts from the weights of a reader.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import torch
from safetensors.torch import load_file
from torch import nn

from index.embed import SentenceTransformerEmbedder
from index.text.folding import plain
from qa.reading.inputs import Input, encode
from qa.reading.network import ReaderNetwork, Shape
from qa.reading.network_reader import padded, save
from qa.training.claims import Claim, ClaimMaker, Told, told
from qa.training.curve import draw_curve
from qa.training.examples import of_set
from qa.training.learning import Batch, Training, in_batches
from qa.training.needs import require_extra
from qa.training.recipe import Recipe
from qa.training.train import changed, default_embedder

PARALLEL = ("xquad/ar", "xquad/en")
ALONE = "arcd"


def claims_of(sets: Path, validation: bool, seed: int) -> list[Claim]:
    """Claims in two languages from the parallel sets, and in Arabic from the other."""
    both = [told(of_set(sets / name, validation)) for name in PARALLEL]
    pairs: list[tuple[Told, Told]] = [(one, other) for one, other in zip(*both, strict=True) if one and other]
    alone = [(one, one) for one in told(of_set(sets / ALONE, validation)) if one]
    maker = ClaimMaker(seed)
    # A sentence alone makes four claims twice: one pair of them is enough.
    return maker.make(pairs) + list(dict.fromkeys(maker.make(alone)))


def input_of(tokenizer: Any, claim: Claim) -> Input:
    return inputs_of(tokenizer, claim.question, claim.sentence, [claim.quote])[0]


def inputs_of(tokenizer: Any, question: str, sentence: str, quotes: Sequence[str]) -> list[Input]:
    asked = f"{plain(question).text} | claim: {plain(sentence).text}"
    return encode(tokenizer, asked, [plain(quote).text for quote in quotes])


def loss_of(network: ReaderNetwork, batch: Batch) -> torch.Tensor:
    """Cross-entropy of "holds" and "does not" at the first token."""
    logits = network(*padded(batch.inputs, network.device))[:, 0]
    return nn.functional.cross_entropy(logits, torch.tensor([t for t, _ in batch.targets], device=logits.device))


def probabilities(network: ReaderNetwork, inputs: Iterable[Input]) -> list[float]:
    """For each input how likely it is that the claim holds."""
    with torch.inference_mode():
        return [float(network(*padded([given], network.device))[0, 0].softmax(-1)[1]) for given in inputs]


@click.command()
@click.option("--sets", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of question sets.")
@click.option("--pairs", type=click.Path(exists=True, path_type=Path), help="Sentences and quotations to measure on.")
@click.option("--from", "start", type=click.Path(exists=True, path_type=Path), help="Weights of a reader.")
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Where state, log and weights are kept.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change the recipe, e.g. rank=16.")
def main(sets: Path, pairs: Path | None, start: Path | None, work: Path, settings: Sequence[str]) -> None:
    """Teach the embedder's network to tell whether a quotation bears a sentence out."""
    require_extra()
    recipe = changed(Recipe(warm_up=20, again=0), settings)
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    base = SentenceTransformerEmbedder(default_embedder())
    network = ReaderNetwork(base.encoder, Shape(recipe.layers, recipe.rank))
    if start:
        network.load_learnt({name: tensor.float() for name, tensor in load_file(start).items()})
    batches: list[Batch] = []
    draw = random.Random(recipe.seed)
    for number in range(1 + recipe.again):
        made = claims_of(sets, False, recipe.seed + number)
        batches += in_batches([(input_of(base.tokenizer, c), (int(c.holds), 0)) for c in made], recipe, draw)
    tokens = sum(len(given.ids) for batch in batches for given in batch.inputs)
    click.echo(f"{sum(len(b.inputs) for b in batches)} claims, {tokens} tokens, {len(batches)} steps")
    Training(network, batches, [len(batches)], [1.0], loss_of, recipe, work).run()
    save(network, work / "checker.safetensors", base)
    draw_curve(work / "log.jsonl", work / "curve.png")
    network.for_reading()
    kept = claims_of(sets, True, recipe.seed)
    kept = random.Random(0).sample(kept, min(300, len(kept)))
    figures = {"made": measured(network, base.tokenizer, kept)}
    if pairs:
        rows = [json.loads(line) for line in pairs.read_text(encoding="utf-8").splitlines()]
        for split in ("dev", "test"):
            part = [Claim(r["question"], r["sentence"], r["quote"], r["holds"]) for r in rows if r["split"] == split]
            figures[split] = measured(network, base.tokenizer, part)
    (work / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    click.echo(json.dumps(figures, indent=2))


def measured(network: ReaderNetwork, tokenizer: Any, claims: Sequence[Claim]) -> dict[str, float]:
    likely = probabilities(network, (input_of(tokenizer, claim) for claim in claims))
    right = [claim.holds for claim in claims]
    held = [p for p, r in zip(likely, right, strict=True) if r]
    wrong = [p for p, r in zip(likely, right, strict=True) if not r]
    above = sum((one > other) + (one == other) / 2 for one in held for other in wrong)
    return {
        "claims": len(claims),
        "auc": round(above / (len(held) * len(wrong)), 4),
        "accuracy": round(sum((p >= 0.5) == r for p, r in zip(likely, right, strict=True)) / len(claims), 4),
    }


if __name__ == "__main__":
    main()
