"""Teach the embedder's network to read: `jawab-train-reader --sets BENCH_FOLDER --others FOLDER --work FOLDER`.

First other languages, for the skill of reading, then Arabic and English, and each asked about the other; and then
these again, cut anew, and beside what search would find. Two cores take under two hours, a GPU minutes. Killed, it
goes on where it was. `docs/reader.md` has the recipe and its figures.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import click
import torch
from safetensors.torch import load_file
from torch import nn
from tqdm import tqdm

from index.embed import Embedder, SentenceTransformerEmbedder
from index.one_thread import OneThread
from qa.fetching.models import ModelStore, bundled_models, default_model, models_folder
from qa.measuring.evaluate import read_set
from qa.measuring.metrics import phrase_scores
from qa.reading.inputs import encode
from qa.reading.network import ReaderNetwork, Shape
from qa.reading.network_reader import NetworkReader, padded, save
from qa.reading.reader import Reader
from qa.training.curve import draw_curve
from qa.training.examples import Example, Maker, Source, is_for_validation, of_file, of_set
from qa.training.learning import Batch, Ready, Training, averaged, course_file, in_batches
from qa.training.near import with_near
from qa.training.needs import require_extra
from qa.training.reader_data import MIXTURE, read_mixture
from qa.training.recipe import Recipe
from qa.training.swaps import Swapper

SETS = ("xquad/ar", "xquad/en", "xquad/en-over-ar", "xquad/ar-over-en", "arcd")
PARALLEL = "xquad/en"
"""The set that `xquad-other.jsonl.gz` asks in other languages, question by question."""


@dataclass(frozen=True)
class Course:
    """Passes over sources, during which the rate rises to `rate` times the recipe's and falls to nothing.

    Excerpts have up to `longest` tokens.
    """

    passes: tuple[tuple[Source, ...], ...]
    rate: float
    longest: int


def course_on(data: Path, sets: Path, recipe: Recipe) -> Course:
    """One course on the mixture of the files in `data` and on the sets, but for what is kept for validation."""
    draw = random.Random(recipe.seed)
    sources = list(read_mixture(data, MIXTURE, validation_titles(sets), recipe.seed).training)
    if recipe.examples:
        sources = draw.sample(sources, min(recipe.examples, len(sources)))
    own = itertools.chain(*(of_set(sets / name, validation=False) for name in SETS))
    return Course(((*sources, *own),), 1.0, recipe.longest)


def validation_titles(sets: Path) -> frozenset[str]:
    """The titles of the articles of all sets that are kept for validation."""
    titles: set[str] = set()
    for name in SETS:
        lines = read_set(sets / name).articles.read_text(encoding="utf-8").splitlines()
        titles |= {json.loads(line)["title"] for number, line in enumerate(lines) if is_for_validation(number)}
    return frozenset(titles)


def courses_of(sets: Path, others: Path | None, embedder: Embedder, recipe: Recipe) -> list[Course]:
    """What is learnt from, course by course: the second with what search would find, a third with longer excerpts."""
    draw = random.Random(recipe.seed)
    own = [of_set(sets / name, validation=False) for name in SETS]
    own = [draw.sample(part, round(recipe.share * len(part))) if recipe.share < 1 else part for part in own]
    first = [_of_other_languages(sets, others, recipe, draw)] if others else []
    courses = [Course((*first, tuple(itertools.chain(*own))), 1.0, recipe.longest)]
    if recipe.again or recipe.wide:
        harder = tuple(itertools.chain(*(with_near(part, embedder) for part in own)))
        courses.append(Course((harder,) * recipe.again, recipe.again_rate, recipe.longest))
        courses.append(Course((harder,) * recipe.wide, recipe.again_rate, recipe.widest))
    return [course for course in courses if course.passes]


def _of_other_languages(sets: Path, others: Path, recipe: Recipe, draw: random.Random) -> tuple[Source, ...]:
    numbers = _article_numbers(sets / PARALLEL)
    held_out = lambda line: is_for_validation(numbers[line % len(numbers)])  # noqa: E731
    found = draw.sample(of_file(others / "ja.jsonl.gz"), round(recipe.share * recipe.japanese))
    found += of_file(others / "he.jsonl.gz")[: round(recipe.share * recipe.hebrew)]
    found += draw.sample(of_file(others / "xquad-other.jsonl.gz", held_out), round(recipe.share * recipe.parallel))
    return tuple(found)


def _article_numbers(folder: Path) -> list[int]:
    chosen = read_set(folder)
    numbers: dict[str, int] = {}
    for line in chosen.articles.read_text(encoding="utf-8").splitlines():
        numbers[json.loads(line)["id"]] = len(numbers)
    return [numbers[question["article_id"]] for question in chosen.questions]


def batches_of(examples: Sequence[Example], tokenizer: Any, recipe: Recipe, draw: random.Random) -> list[Batch]:
    """The examples as inputs with the tokens at which their answers start and end (0, 0: not here), in batches."""
    return in_batches([one for example in examples if (one := _with_target(example, tokenizer))], recipe, draw)


def _with_target(example: Example, tokenizer: Any) -> Ready | None:
    """The input and its target; `None` where the answer fell behind the longest input."""
    (given,) = encode(tokenizer, example.question, [example.excerpt])
    if example.answer is None:
        return given, (0, 0)
    inside = [
        token
        for token, place in enumerate(given.places)
        if place and place[0] < example.answer.end and example.answer.start < place[1]
    ]
    return (given, (inside[0], inside[-1])) if inside else None


def loss_of(network: ReaderNetwork, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy of start and end over the excerpt's tokens and "not here"."""
    logits = network(*padded(batch.inputs, network.device))
    allowed = torch.zeros(logits.shape[:2], dtype=torch.bool)
    for row, given in enumerate(batch.inputs):
        allowed[row, : len(given.ids)] = torch.tensor([place is not None for place in given.places])
    allowed[:, 0] = True
    logits = logits.masked_fill(~allowed.to(logits.device).unsqueeze(-1), -1e4)
    targets = torch.tensor(batch.targets, device=logits.device)
    start = nn.functional.cross_entropy(logits[..., 0], targets[:, 0])
    end = nn.functional.cross_entropy(logits[..., 1], targets[:, 1])
    return (start + end) / 2


def validate(reader: Reader, sets: Path, limit: int | None) -> dict[str, dict[str, float]]:
    """F1 and exact match of the best span with the right paragraph given, on articles kept from training."""
    figures = {}
    for name in SETS:
        asked = of_set(sets / name, validation=True)
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
    (reading,) = reader.read(source.question, [source.paragraph])
    span = reading.spans[0].span
    said, gold = source.paragraph[span.start : span.end], source.paragraph[source.answer.start : source.answer.end]
    return phrase_scores(said, [gold])


@click.command()
@click.option("--sets", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of question sets.")
@click.option("--others", type=click.Path(exists=True, path_type=Path), help="Folder of examples in other languages.")
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path), help="Folder of the mixture, for one course on it."
)
@click.option("--start", type=click.Path(exists=True, path_type=Path), help="Weights to begin with; untaught ones.")
@click.option(
    "--embedder", type=click.Path(exists=True, path_type=Path), help="Folder of the embedder; the default one."
)
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Where state, log and weights are kept.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change the recipe, e.g. rank=16.")
@click.option("--limit", type=int, default=None, help="Questions of each set to validate on; all of them.")
def main(
    sets: Path,
    others: Path | None,
    data: Path | None,
    start: Path | None,
    embedder: Path | None,
    work: Path,
    settings: Sequence[str],
    limit: int | None,
) -> None:
    """Teach the embedder's network to read, and measure it on articles that it has not seen."""
    require_extra()
    recipe = changed(Recipe(), settings)
    work.mkdir(parents=True, exist_ok=True)
    (work / "recipe.json").write_text(json.dumps(asdict(recipe)) + "\n")
    torch.manual_seed(recipe.seed)
    base = SentenceTransformerEmbedder(embedder or default_embedder())
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = ReaderNetwork(base.encoder, Shape(recipe.layers, recipe.rank)).to(device)
    tokenizer = base.tokenizer
    if start:
        network.load_learnt(load_file(start))
    draw = random.Random(recipe.seed)
    batches: list[Batch] = []
    steps = []
    courses = [course_on(data, sets, recipe)] if data else courses_of(sets, others, base, recipe)
    asked = [source.question for course in courses for sources in course.passes for source in sources]
    count_tokens = cache(lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))
    maker = Maker(count_tokens, recipe, Swapper(asked, draw) if recipe.swapped else None)
    for course in courses:
        before = len(batches)
        for sources in course.passes:
            batches += batches_of(maker.make(sources, course.longest), tokenizer, recipe, draw)
        steps.append(len(batches) - before)
    tokens = sum(len(given.ids) for batch in batches for given in batch.inputs)
    click.echo(f"{sum(len(b.inputs) for b in batches)} examples, {tokens} tokens, {len(batches)} steps")
    Training(network, batches, steps, [course.rate for course in courses], loss_of, recipe, work).run()
    network.load_learnt(averaged([course_file(work, number) for number in range(len(courses))]))
    save(network, work / "reader.safetensors", base)
    draw_curve(work / "log.jsonl", work / "curve.png")
    network.for_reading()
    figures = validate(
        NetworkReader("in training", lambda: network, lambda: tokenizer, OneThread("validation")), sets, limit
    )
    (work / "validation.json").write_text(json.dumps(figures, indent=2) + "\n")
    click.echo(json.dumps(figures, indent=2))


def changed(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The recipe with `name=value` settings taken over. Raises `click.BadParameter` for what it does not have."""
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
    """The folder of the default embedder. Raises `ModelMissing`, `ModelDamaged`."""
    store = ModelStore(models_folder())
    return store.require(default_model(bundled_models(), "embedder"))


if __name__ == "__main__":
    main()
