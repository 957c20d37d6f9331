"""Teach what a command is: `python -m qa.training.train_commands --sets BENCH --out FILE` (five minutes on two cores).

Lines of `commands/` command, or are ordinary sentences that look as if they did; each is put among sentences of an
article, for a sentence's vector knows its neighbours. Ordinary too are all sentences of the sets' articles, but for
the articles that training never sees. What is learnt is logistic regression on sentence vectors.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import click
import numpy as np
from safetensors.numpy import save_file

from index.articles import Language, Span
from index.embeddings import PassageText, SentenceTransformerEmbedder, Vectors
from index.text.sentences import sentences
from qa.reader.lora_reader import base_fingerprint
from qa.reader.prompt_injection import FORMAT, THRESHOLD
from qa.training.examples import load_set
from qa.training.needs import require_extra
from qa.training.train import default_embedder

SETS: dict[Language, Sequence[str]] = {"en": ("xquad/en",), "ar": ("xquad/ar", "arcd")}
NEIGHBOURS = 2
"""Most sentences of an article on each side of a line."""
INVERSE_REGULARISATION = 10.0
COMMAND_WEIGHT = 3.0
LOOKALIKE_WEIGHT = 3.0
"""Of a line that only looks like a command, against 1 for a sentence of an article."""
SEED = 0


@dataclass(frozen=True)
class Example:
    """A sentence's vector, whether it commands, and how much it counts; `language` is that of its line."""

    vector: Vectors
    commands: bool
    weight: float
    language: Language


def lines_of(kind: str, language: Language) -> list[str]:
    """The lines of `commands/`: what commands, or what is `ordinary`."""
    return files("qa.training").joinpath("commands", f"{kind}.{language}.txt").read_text(encoding="utf-8").splitlines()


def paragraphs_of(sets: Path, language: Language, validation: bool) -> list[str]:
    return list(dict.fromkeys(s.paragraph for name in SETS[language] for s in load_set(sets / name, validation)))


def among(line: str, others: Sequence[str], draw: random.Random) -> tuple[PassageText, Span]:
    """A line with up to `NEIGHBOURS` sentences of articles on each side, and where it stands."""
    before = draw.sample(others, draw.randint(0, NEIGHBOURS))
    after = draw.sample(others, draw.randint(0, NEIGHBOURS))
    text = " ".join([*before, line, *after])
    start = len(" ".join([*before, ""]))
    return PassageText("", text, tuple(sentences(text))), Span(start, start + len(line))


def examples_of(sets: Path, embedder: SentenceTransformerEmbedder) -> Iterator[Example]:
    draw = random.Random(SEED)
    for language in SETS:
        paragraphs = paragraphs_of(sets, language, validation=False)
        for vector in ordinary_vectors(paragraphs, embedder):
            yield Example(vector, False, 1.0, language)
        others = [paragraph[span.start : span.end] for paragraph in paragraphs for span in sentences(paragraph)]
        for kind, commands, weight in (("commands", True, COMMAND_WEIGHT), ("ordinary", False, LOOKALIKE_WEIGHT)):
            placed = [among(line, others, draw) for line in lines_of(kind, language)]
            embedded = embedder.embed_passages([text for text, _ in placed])
            for (text, place), found in zip(placed, embedded, strict=True):
                for span, vector in zip(text.sentences, found.sentences, strict=True):
                    of_line = place.overlaps(span)
                    yield Example(vector, commands and of_line, weight if of_line else 1.0, language)


def ordinary_vectors(paragraphs: Sequence[str], embedder: SentenceTransformerEmbedder) -> Vectors:
    """The vectors of all sentences of some paragraphs, one a row."""
    texts = [PassageText("", paragraph, tuple(sentences(paragraph))) for paragraph in paragraphs]
    rows: Vectors = np.concatenate([found.sentences for found in embedder.embed_passages(texts)])
    return rows


def fitted(examples: Sequence[Example]) -> tuple[Vectors, float]:
    """The direction and the bias that tell commands from the rest."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=5000)
    vectors = np.stack([one.vector for one in examples])
    model.fit(vectors, [one.commands for one in examples], sample_weight=[one.weight for one in examples])
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def shares(odds: Vectors, examples: Sequence[Example]) -> dict[str, float]:
    """The share of each kind of sentence that is held to command."""
    kinds = {"commands": 1, "ordinary lines": 2, "sentences of articles": 3}
    kind = np.array([1 if one.commands else 2 if one.weight > 1 else 3 for one in examples])
    return {name: round(float((odds[kind == number] >= THRESHOLD).mean()), 4) for name, number in kinds.items()}


@click.command()
@click.option("--sets", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of question sets.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The weights file to write.")
def main(sets: Path, out: Path) -> None:
    """Teach what a command is, and measure it: each language's lines by what the other's teach, and kept articles."""
    require_extra()
    embedder = SentenceTransformerEmbedder(default_embedder())
    examples = list(examples_of(sets, embedder))
    direction, bias = fitted(examples)
    told = {"format": FORMAT, "base": base_fingerprint(embedder), "bias": str(bias)}
    save_file({"direction": direction}, out, metadata=told)
    figures: dict[str, object] = {}
    for language in SETS:
        other = fitted([one for one in examples if one.language != language])
        own = [one for one in examples if one.language == language]
        odds = np.stack([one.vector for one in own]) @ other[0] + other[1]
        figures[f"{language}, taught in the other"] = shares(odds, own)
        kept = ordinary_vectors(paragraphs_of(sets, language, validation=True), embedder)
        wrong = float((kept @ direction + bias >= THRESHOLD).mean())
        figures[f"{language}, kept articles"] = {"sentences": len(kept), "held to command": round(wrong, 4)}
    click.echo(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
