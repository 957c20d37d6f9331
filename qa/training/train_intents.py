"""Train the intent classifier: `python -m qa.training.train_intents --families FOLDER --data FOLDER --out FILE`.

Questions of families (benchmarks/sets/traps/README.md) in both languages, of which kind and, for the catalogue's, what
they ask for are known; and questions of the reader's data (TyDi QA, Natural Questions), which ask for a phrase.
Softmax regression on the embedder's query vectors. One family in five is held out for the figures that are printed.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from safetensors.numpy import save_file

from index.embeddings import SentenceTransformerEmbedder, Vectors
from index.text.language import detect_language
from index.text.words import normalize_tokens
from qa.query.intent import FORMAT, INTENTS, Intent
from qa.reader.lora_reader import base_fingerprint
from qa.training.families import read_families
from qa.training.needs import require_extra
from qa.training.train import default_embedder

_HELD_OUT = 5
_PHRASES = {"tydiqa-ar": 1200, "tydiqa-en": 600, "nq-qed-en": 600, "mlqa-cross-ar-en": 300}
"""Questions that ask for a phrase, by file of the reader's data."""
_REGULARISATION = 30.0
_MIN_FAMILIES = 4
"""Fewest families in whose catalogue questions a stem must be, apart from their topics, to be generic."""
_MIN_INCIDENTAL = 2
"""The same for a stem to be incidental."""
_BATCH = 32
CATALOGUE = frozenset(INTENTS[7:])
THRESHOLDS = (0.5, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Labelled:
    """A question with its intent; `topic` are the words that say what a catalogue question is about."""

    family: str
    question: str
    intent: Intent
    topic: str = ""


def of_families(folder: Path) -> Iterator[Labelled]:
    """Yield the questions of all families, each in both languages."""
    for family, table in read_families(folder).items():
        for question in table["questions"]:
            for text in (question["question"], question["translation"]):
                yield Labelled(family, text, _intent(question), question.get("about", ""))


def _intent(question: dict[str, Any]) -> Intent:
    named: dict[str, Intent] = {"several": "list", "yes-no": "yes-no"}
    if question["kind"] == "compare":
        operation: Intent = question["operation"]
        return operation
    if question["kind"] == "catalogue":
        asks: Intent = "articles" if question["asks"] == "list" else question["asks"]
        return asks
    return named.get(question["kind"], "phrase")


def of_data(folder: Path) -> Iterator[Labelled]:
    """Yield questions of the reader's data, which ask for a phrase."""
    draw = random.Random(0)
    for name, count in _PHRASES.items():
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            questions = sorted({json.loads(line)["question"] for line in lines})
        yield from (Labelled(name, question, "phrase") for question in draw.sample(questions, count))


def generic_stems(questions: Sequence[Labelled]) -> list[str]:
    """Return the stems that catalogue questions of several families have, apart from their topics."""
    families: dict[str, set[str]] = {}
    for labelled in questions:
        # A topic is told in one language: the translation's words of it are not known.
        is_told = detect_language(labelled.topic or labelled.question) == detect_language(labelled.question)
        if labelled.intent in CATALOGUE and is_told:
            topic = set(normalize_tokens(labelled.topic))
            for stem in set(normalize_tokens(labelled.question)) - topic:
                families.setdefault(stem, set()).add(labelled.family)
    return sorted(stem for stem, found in families.items() if len(found) >= _MIN_FAMILIES and not stem.isdigit())


def incidental_stems(questions: Sequence[Labelled]) -> list[str]:
    """Return the stems that catalogue questions of several families have, and that are in no topic."""
    asked = [labelled for labelled in questions if labelled.intent in CATALOGUE]
    in_topics = {stem for labelled in asked for stem in normalize_tokens(labelled.topic)}
    families: dict[str, set[str]] = {}
    for labelled in asked:
        for stem in set(normalize_tokens(labelled.question)) - in_topics:
            families.setdefault(stem, set()).add(labelled.family)
    return sorted(stem for stem, found in families.items() if len(found) >= _MIN_INCIDENTAL and not stem.isdigit())


def vectors_of(questions: Sequence[str], embedder: SentenceTransformerEmbedder) -> Vectors:
    """Embed questions, of like length together."""
    order = sorted(range(len(questions)), key=lambda at: len(questions[at]))
    vectors = np.zeros((len(questions), embedder.dimension), dtype=np.float32)
    for first in range(0, len(order), _BATCH):
        batch = order[first : first + _BATCH]
        vectors[batch] = embedder.embed_queries([questions[at] for at in batch])
    return vectors


def fit(vectors: Vectors, labels: Sequence[Intent]) -> tuple[Vectors, Vectors]:
    """Return weights (intents, dimension) and biases (intents,)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_REGULARISATION, max_iter=2000)
    model.fit(vectors, [INTENTS.index(label) for label in labels])
    # safetensors writes the memory as it lies, and scikit-learn's is transposed.
    return np.ascontiguousarray(model.coef_, dtype=np.float32), model.intercept_.astype(np.float32)


def report(vectors: Vectors, labels: Sequence[Intent], weights: Vectors, biases: Vectors) -> Iterator[str]:
    """Yield figures of held-out questions."""
    odds = vectors @ weights.T + biases
    shares = np.exp(odds - odds.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    best = [INTENTS[at] for at in odds.argmax(1)]
    for intent in INTENTS:
        rows = [at for at, label in enumerate(labels) if label == intent]
        mistaken = Counter(best[at] for at in rows if best[at] != intent).most_common(3)
        share = sum(best[at] == intent for at in rows) / max(1, len(rows))
        yield f"{intent}: {len(rows)}, right {share:.3f} {mistaken}"
    for least in THRESHOLDS:
        taken = [at for at in range(len(labels)) if best[at] in CATALOGUE and shares[at].max() >= least]
        right = sum(best[at] == labels[at] for at in taken)
        false = sum(labels[at] not in CATALOGUE for at in taken)
        yield f"catalogue at {least}: {len(taken)} taken, {right} right, {false} of other kinds"


@click.command(help=__doc__)
@click.option("--families", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(families: Path, data: Path, out: Path) -> None:
    require_extra()
    embedder = SentenceTransformerEmbedder(default_embedder())
    questions = [*of_families(families), *of_data(data)]
    vectors = vectors_of([one.question for one in questions], embedder)
    labels = [one.intent for one in questions]
    names = sorted({one.family for one in questions})
    held = np.array([names.index(one.family) % _HELD_OUT == 0 for one in questions])
    learnt, unseen = np.flatnonzero(~held), np.flatnonzero(held)
    weights, biases = fit(vectors[learnt], [labels[at] for at in learnt])
    for line in report(vectors[unseen], [labels[at] for at in unseen], weights, biases):
        click.echo(line)
    weights, biases = fit(vectors, labels)
    metadata = {
        "format": FORMAT,
        "base": base_fingerprint(embedder),
        "generic": json.dumps(generic_stems(questions), ensure_ascii=False),
        "incidental": json.dumps(incidental_stems(questions), ensure_ascii=False),
    }
    save_file({"weights": weights, "biases": biases}, out, metadata=metadata)
    click.echo(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
