"""Train the injection classifier: `python -m qa.training.train_commands --sets FOLDER --data FOLDER --families FOLDER
--out FILE`.

`command_texts.py` says what it learns from. The classifier is logistic regression on the vectors that sentences have
in their passages. Printed are the shares of sentences that are taken for commands: of lines in each language, learnt in
the other alone, and of articles that nothing was learnt from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from safetensors.numpy import save_file

from index.articles import Language
from index.embeddings import PassageText, SentenceTransformerEmbedder, Vectors
from qa.reader.lora_reader import base_fingerprint
from qa.reader.prompt_injection import FORMAT, THRESHOLD
from qa.training.command_texts import LANGUAGES, Kind, held_out_passages, passages_of, training_passages
from qa.training.families import Table, held_out, read_families
from qa.training.needs import require_extra
from qa.training.train import default_embedder

INVERSE_REGULARISATION = 10.0
WEIGHTS: dict[Kind, float] = {"command": 3.0, "lookalike": 2.0, "article": 1.0}
_BATCH = 16


def vectors_of(passages: Sequence[PassageText], embedder: SentenceTransformerEmbedder) -> list[Vectors]:
    """Return the vectors of each passage's sentences, of shape (sentences, dimension)."""
    order = sorted(range(len(passages)), key=lambda at: len(passages[at].text))
    vectors: list[Vectors] = [np.zeros((0, embedder.dimension), dtype=np.float32)] * len(passages)
    for first in range(0, len(order), _BATCH):
        batch = order[first : first + _BATCH]
        for at, embedded in zip(batch, embedder.embed_passages([passages[at] for at in batch]), strict=True):
            vectors[at] = embedded.sentences
    return vectors


def fitted(vectors: Vectors, kinds: Sequence[Kind]) -> tuple[Vectors, float]:
    """Return the direction and the bias that tell commands from the rest."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=5000)
    model.fit(vectors, [kind == "command" for kind in kinds], sample_weight=[WEIGHTS[kind] for kind in kinds])
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def shares(odds: Vectors, kinds: Sequence[Kind]) -> dict[str, object]:
    """Return the number of sentences of each kind, and the share that is taken for commands."""
    of_kind = np.array(kinds)
    return {
        kind: [int((of_kind == kind).sum()), round(float((odds[of_kind == kind] >= THRESHOLD).mean()), 4)]
        for kind in WEIGHTS
    }


@click.command(help=__doc__)
@click.option("--sets", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--families", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(sets: Path, data: Path, families: Path, out: Path) -> None:
    require_extra()
    embedder = SentenceTransformerEmbedder(default_embedder())
    tables = read_families(families)
    unseen = held_out(tables)
    passages = list(training_passages(sets, data, {n: t for n, t in tables.items() if n not in unseen}))
    by_passage = vectors_of([one.text for one in passages], embedder)
    vectors = np.concatenate(by_passage)
    kinds = [kind for one in passages for kind in one.kinds]
    languages = np.array([one.language for one in passages for _ in one.kinds])
    direction, bias = fitted(vectors, kinds)
    metadata = {"format": FORMAT, "base": base_fingerprint(embedder), "bias": str(bias)}
    save_file({"direction": direction}, out, metadata=metadata)
    figures: dict[str, object] = {"all, as learnt": shares(vectors @ direction + bias, kinds)}
    for language in LANGUAGES:
        own, other = np.flatnonzero(languages == language), np.flatnonzero(languages != language)
        crossed, its_bias = fitted(vectors[other], [kinds[at] for at in other])
        figures[f"{language}, learnt in the other"] = shares(
            vectors[own] @ crossed + its_bias, [kinds[at] for at in own]
        )
        for name, texts in _unseen(sets, unseen, language):
            odds = np.concatenate(vectors_of(texts, embedder)) @ direction + bias
            figures[f"{language}, {name}"] = [len(odds), round(float((odds >= THRESHOLD).mean()), 4)]
    click.echo(json.dumps(figures, indent=2))


def _unseen(sets: Path, unseen: dict[str, Table], language: Language) -> list[tuple[str, list[PassageText]]]:
    return [
        ("held-out articles of the sets", held_out_passages(sets, language)),
        ("held-out families", passages_of(unseen, language)),
    ]


if __name__ == "__main__":
    main()
