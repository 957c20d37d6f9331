"""Train the embedder's network to read: `jawab-train-reader --sets BENCH_FOLDER --data FOLDER --work FOLDER`.

One course on a mixture of files and question sets; killed, it goes on where it was. `docs/reader.md` has the recipe and
its figures.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn
from tqdm import tqdm

from index.embeddings import SentenceTransformerEmbedder
from index.runtime.priority_executor import PriorityExecutor
from qa.evaluation.metrics import phrase_scores
from qa.fetching.models import ModelStore, bundled_models, default_model, models_folder
from qa.reader.base import Context, Reader
from qa.reader.lora import LoRAConfig, ReaderNetwork
from qa.reader.lora_reader import LoRAReader, pad_batch, save
from qa.reader.tokenization import encode
from qa.training.course import SETS, cached_examples, course_examples
from qa.training.curve import draw_curve
from qa.training.examples import VERDICTS, Example, Source, load_set
from qa.training.fused import fuse_elementwise
from qa.training.needs import require_extra
from qa.training.recipe import Recipe
from qa.training.start_weights import load_start
from qa.training.trainer import Batch, EncodedExample, Loss, Target, Training, in_batches


def batches_of(examples: Sequence[Example], tokenizer: Any, recipe: Recipe, draw: random.Random) -> list[Batch]:
    """Encode examples with their start and end tokens ((0, 0): no answer), in batches."""
    return in_batches([one for example in examples if (one := _with_target(example, tokenizer))], recipe, draw)


def _with_target(example: Example, tokenizer: Any) -> EncodedExample | None:
    """Encode an example; `None` if its answer was truncated."""
    (given,) = encode(tokenizer, example.question, [example.context])
    verdict = VERDICTS.index(example.verdict) if example.verdict else -1
    if example.answer is None:
        return given, Target(0, 0, verdict)
    inside = [
        token
        for token, place in enumerate(given.offsets)
        if place and place[0] < example.answer.end and example.answer.start < place[1]
    ]
    return (given, Target(inside[0], inside[-1], verdict)) if inside else None


def loss_of(doubt: float) -> Loss:
    """Return the loss function: span loss plus `doubt` times the losses of the other heads.

    The span loss is the mean cross-entropy of start and end over the excerpt's tokens and "not here"; that of the
    second head the binary cross-entropy of whether the excerpt answers at all; that of the third the cross-entropy of
    the verdict, over the batch's yes-or-no questions.
    """

    def loss(network: ReaderNetwork, batch: Batch) -> torch.Tensor:
        ids, mask, allowed = pad_batch(batch.inputs, network.device)
        logits = network(ids, mask, allowed)
        targets = torch.tensor(batch.targets, device=network.device)
        spans = logits.spans.masked_fill(~allowed.unsqueeze(-1), -1e4)
        start = nn.functional.cross_entropy(spans[..., 0], targets[:, 0])
        end = nn.functional.cross_entropy(spans[..., 1], targets[:, 1])
        answered = (targets[:, 1] > 0).float()
        whole = nn.functional.binary_cross_entropy_with_logits(logits.answerable, answered)
        judged = targets[:, 2] >= 0
        verdict = nn.functional.cross_entropy(logits.verdict[judged], targets[judged, 2]) if judged.any() else 0.0
        return (start + end) / 2 + doubt * (whole + verdict)

    return loss


def validate(reader: Reader, sets: Path, limit: int | None) -> dict[str, dict[str, float]]:
    """Measure F1 and exact match of the best span, right paragraph given, on held-out articles."""
    figures = {}
    for name in SETS:
        asked = load_set(sets / name, validation=True)
        asked = random.Random(0).sample(asked, min(limit or len(asked), len(asked)))
        scores = [_score(reader, source) for source in tqdm(asked, desc=name, leave=False)]
        figures[name] = {
            "questions": len(asked),
            "f1": round(sum(f for f, _ in scores) / len(scores), 4),
            "em": round(sum(e for _, e in scores) / len(scores), 4),
        }
    return figures


def _score(reader: Reader, source: Source) -> tuple[float, float]:
    assert source.answer
    (reading,) = reader.read(source.question, [Context(source.paragraph, source.title, source.date)])
    span = reading.spans[0].span
    said, gold = source.paragraph[span.start : span.end], source.paragraph[source.answer.start : source.answer.end]
    return phrase_scores(said, [gold])


@click.command()
@click.option("--sets", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of question sets.")
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of the mixture's files."
)
@click.option("--families", type=click.Path(exists=True, path_type=Path), help="Folder of families of like articles.")
@click.option("--start", type=click.Path(exists=True, path_type=Path), help="Weights to begin with; untaught ones.")
@click.option(
    "--embedder", type=click.Path(exists=True, path_type=Path), help="Folder of the embedder; the default one."
)
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Where state, log and weights are kept.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change the recipe, e.g. rank=16.")
@click.option("--limit", type=int, default=None, help="Questions of each set to validate on; all of them.")
def main(
    sets: Path,
    data: Path,
    families: Path | None,
    start: Path | None,
    embedder: Path | None,
    work: Path,
    settings: Sequence[str],
    limit: int | None,
) -> None:
    """Train the embedder's network to read, and measure it on articles that it has not seen."""
    require_extra()
    recipe = changed(Recipe(), settings)
    work.mkdir(parents=True, exist_ok=True)
    (work / "recipe.json").write_text(json.dumps(asdict(recipe)) + "\n")
    torch.manual_seed(recipe.seed)
    base = SentenceTransformerEmbedder(embedder or default_embedder())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = ReaderNetwork(base.encoder, LoRAConfig(recipe.layers, recipe.rank)).to(device)
    tokenizer = base.tokenizer
    if start:
        load_start(network, start)
    examples = cached_examples(work / "examples.jsonl", lambda: course_examples(data, sets, base, recipe, families))
    batches = batches_of(examples, tokenizer, recipe, random.Random(recipe.seed))
    tokens = sum(len(given.ids) for batch in batches for given in batch.inputs)
    click.echo(f"{sum(len(b.inputs) for b in batches)} examples, {tokens} tokens, {len(batches)} steps")
    fuse_elementwise(network.encoder)
    Training(network, batches, loss_of(recipe.doubt), recipe, work).run()
    save(network, work / "reader.safetensors", base)
    draw_curve(work / "log.jsonl", work / "curve.png")
    network.eval_mode()
    figures = validate(
        LoRAReader("in training", lambda: network, lambda: tokenizer, PriorityExecutor("validation")), sets, limit
    )
    (work / "validation.json").write_text(json.dumps(figures, indent=2) + "\n")
    click.echo(json.dumps(figures, indent=2))


def changed(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Apply `name=value` settings. Raises `click.BadParameter` for unknown names and bad values."""
    for setting in settings:
        name, _, value = setting.partition("=")
        if name not in asdict(recipe):
            raise click.BadParameter(f"the recipe has no `{name}`; it has {', '.join(asdict(recipe))}")
        try:
            recipe = replace(recipe, **{name: type(getattr(recipe, name))(value)})
        except ValueError as error:
            raise click.BadParameter(f"`{value}` is no value for `{name}`") from error
    return recipe


def default_embedder() -> Path:
    """Return the folder of the default embedder. Raises `ModelMissing`, `ModelDamaged`."""
    store = ModelStore(models_folder())
    return store.require(default_model(bundled_models(), "embedder"))


if __name__ == "__main__":
    main()
