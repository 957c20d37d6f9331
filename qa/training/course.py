"""Training examples of a run: sampled from the mixture and the question sets, without held-out articles."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from index.articles import Span
from index.embeddings import Embedder, SentenceTransformerEmbedder
from index.storage.durable import write_atomically
from qa.evaluation.question_set import read_set
from qa.reader.base import Context
from qa.training.examples import Example, ExampleBuilder, Source, is_for_validation, load_set, names_in
from qa.training.families import family_sources
from qa.training.hard_negatives import add_hard_negatives
from qa.training.reader_data import MIXTURE, Part, read_mixture, sample_part
from qa.training.recipe import Recipe
from qa.training.siblings import siblings
from qa.training.swaps import Swapper

SETS = ("xquad/ar", "xquad/en", "xquad/en-over-ar", "xquad/ar-over-en", "arcd")
SEARCHED = ("mlqa-cross-ar-en", "xquad/en-over-ar", "xquad/ar-over-en")
"""Data whose hard negatives come from the retriever: shared words find none in another language."""


def course_sources(
    data: Path, sets: Path, embedder: Embedder, recipe: Recipe, families: Path | None = None
) -> list[Source]:
    """Sample the questions of a run from the mixture, the sets, the sibling templates and a folder of families.

    Held-out articles and families are left out.
    """
    draw = random.Random(recipe.seed)
    split = read_mixture(data, MIXTURE, validation_titles(sets))
    chosen = {part.name: sample_part(split.training[part.name], part, recipe.share, draw) for part in MIXTURE}
    for name in SETS:
        part = Part(name, recipe.own // len(SETS))
        chosen[name] = sample_part(load_set(sets / name, validation=False), part, recipe.share, draw)
    for name in SEARCHED:
        chosen[name] = add_hard_negatives(chosen[name], embedder)
    of_families = _of_families(families, recipe, draw) if families else []
    return [*itertools.chain(*chosen.values()), *siblings(round(recipe.siblings * recipe.share), draw), *of_families]


def _of_families(folder: Path, recipe: Recipe, draw: random.Random) -> list[Source]:
    """Sample the families' questions; those of yes or no are cut anew each time."""
    sources = family_sources(folder, draw)
    judged = [source for source in sources if source.verdict]
    others = [source for source in sources if not source.verdict]
    return [*judged * recipe.verdicts, *draw.sample(others, round(recipe.families * len(others)))]


def validation_titles(sets: Path) -> frozenset[str]:
    """Return the titles of held-out articles of all sets."""
    titles: set[str] = set()
    for name in SETS:
        lines = read_set(sets / name).articles.read_text(encoding="utf-8").splitlines()
        titles |= {json.loads(line)["title"] for number, line in enumerate(lines) if is_for_validation(number)}
    return frozenset(titles)


def course_examples(
    data: Path, sets: Path, base: SentenceTransformerEmbedder, recipe: Recipe, families: Path | None = None
) -> list[Example]:
    """Build the examples of a run, unordered."""
    sources = course_sources(data, sets, base, recipe, families)
    tokenizer = base.tokenizer
    count_tokens = cache(lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"]))
    draw = random.Random(recipe.seed)
    swapper = Swapper([source.question for source in sources], draw, names_in(sources))
    titles = list(dict.fromkeys(source.title for source in sources if source.title))
    return ExampleBuilder(count_tokens, recipe, swapper, titles).make(sources, recipe.longest)


def cached_examples(file: Path, make: Callable[[], list[Example]]) -> list[Example]:
    """Return the examples in `file`, or make and store them there, so that a resumed run need not make them again."""
    if not file.is_file():
        rows = [json.dumps(asdict(example), ensure_ascii=False) for example in make()]
        write_atomically(file, "".join(row + "\n" for row in rows).encode())
    with file.open(encoding="utf-8") as lines:
        return [_example(json.loads(line)) for line in lines]


def _example(row: dict[str, Any]) -> Example:
    answer = Span(**row["answer"]) if row["answer"] else None
    return Example(row["question"], Context(**row["context"]), answer, row["verdict"])
