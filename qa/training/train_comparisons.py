"""Train the comparison parser: `python -m qa.training.train_comparisons --families FOLDER --out FILE`.

Comparisons of families (benchmarks/sets/traps/README.md) in both languages, in which the words of each thing are known,
and whether the most or the least wins. Logistic regression on the embedder's token states for the things, and on the
other words for the winner. One family in five is held out for the figures that are printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from safetensors.numpy import save_file

from index.articles import Span
from index.embeddings import SentenceTransformerEmbedder, Vectors
from qa.comparison.quantities import quantities
from qa.comparison.written_times import year_of
from qa.query.comparison_question import (
    BEGINS,
    COUNTS,
    FORMAT,
    LAYER,
    OUTSIDE,
    WITHIN,
    Operation,
    forms_of,
    question_words,
    thing_spans,
    with_neighbours,
)
from qa.query.name_tagger import word_states
from qa.reader.lora_reader import base_fingerprint
from qa.training.families import read_families
from qa.training.needs import require_extra
from qa.training.train import default_embedder
from qa.units import NONE

_HELD_OUT = 5
_REGULARISATION = 0.0005
_MIN_WEIGHT = 0.05
"""Least weight of a word, in log-odds, that is stored."""


@dataclass(frozen=True)
class Labelled:
    """A question with its words, the label of each, and which value wins.

    `most` is `None` where none does; `of_time` says whether the values are dates or times.
    """

    family: str
    question: str
    operation: Operation
    words: tuple[Span, ...]
    labels: tuple[int, ...]
    most: bool | None
    of_time: bool


def of_families(folder: Path) -> Iterator[Labelled]:
    """Yield the comparisons of all families, each in both languages; those of unnamed things have no labelled words."""
    for family, table in read_families(folder).items():
        for row in table["questions"]:
            if row["kind"] == "compare":
                yield _labelled(family, row["question"], row, "of")
                yield _labelled(family, row["translation"], row, "of_translation")


def _labelled(family: str, question: str, row: dict[str, Any], key: str) -> Labelled:
    words = question_words(question)
    named = [value.get(key, "") for value in (*row.get("values", ()), row.get("missing", {}))]
    labels = [OUTSIDE] * len(words)
    for thing in sorted({name for name in named if name}, key=len):
        start = question.find(thing)
        inside = [at for at, word in enumerate(words) if word.start < start + len(thing) and start < word.end]
        for at in inside:
            labels[at] = BEGINS if at == inside[0] else WITHIN
    takes = row.get("takes")
    of_time = all(_is_of_time(value["answer"]) for value in row.get("values", ()))
    most = None if takes is None else takes == "most"
    return Labelled(family, question, row["operation"], tuple(words), tuple(labels), most, of_time)


def _is_of_time(value: str) -> bool:
    found = quantities(value)
    if not found:
        return False
    first = found[0]
    is_year = first.unit == NONE and not first.noun and first.is_exact and year_of(first.low) is not None
    return first.unit.dimension in ("date", "time") or is_year


@dataclass(frozen=True)
class Learnt:
    """Logits of a word's labels, of shape (3, 3 · width), with their biases; weights of words, of amounts and dates."""

    things: Vectors
    biases: Vectors
    amounts: dict[str, float]
    dates: dict[str, float]


def fit_all(questions: Sequence[Labelled], states: Sequence[Vectors]) -> Learnt:
    """Fit all classifiers; `states` has those of each question's words, with their neighbours."""
    things, biases = fit_things(np.concatenate(states), [label for one in questions for label in one.labels])
    amounts, dates = (fit_words(of_winner(questions, of_time)) for of_time in (False, True))
    return Learnt(things, biases, amounts, dates)


def fit_things(states: Vectors, labels: Sequence[int]) -> tuple[Vectors, Vectors]:
    """Return the weights (labels, width) and biases (labels,) of a softmax regression."""
    from sklearn.linear_model import LogisticRegression

    mean, deviation = states.mean(0), states.std(0) + 1e-3
    model = LogisticRegression(C=_REGULARISATION, max_iter=300)
    model.fit((states - mean) / deviation, labels)
    weights = np.ascontiguousarray(model.coef_ / deviation, dtype=np.float32)
    return weights, (model.intercept_ - weights @ mean).astype(np.float32)


def of_winner(questions: Sequence[Labelled], of_time: bool) -> list[Labelled]:
    """Return the questions in which a value wins, of dates and times or of amounts."""
    return [one for one in questions if one.most is not None and one.of_time is of_time]


def other_forms(one: Labelled) -> set[str]:
    """Return the forms of the words that name no thing."""
    words = (one.question[w.start : w.end] for w, label in zip(one.words, one.labels, strict=True) if label == OUTSIDE)
    return {form for word in words for form in forms_of(word)}


def fit_words(questions: Sequence[Labelled]) -> dict[str, float]:
    """Return the weights by which a question's words say that the most wins; there is no bias."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = DictVectorizer()
    forms = vectorizer.fit_transform([dict.fromkeys(sorted(other_forms(one)), 1) for one in questions])
    # As many of either: most comparisons ask for the most, which is no reason to believe it of the next.
    model = LogisticRegression(fit_intercept=False, max_iter=1000, class_weight="balanced")
    model.fit(forms, [bool(one.most) for one in questions])
    weights = zip(vectorizer.feature_names_, model.coef_[0].tolist(), strict=True)
    return {form: round(weight, 2) for form, weight in weights if abs(weight) >= _MIN_WEIGHT}


def report(questions: Sequence[Labelled], states: Sequence[Vectors], learnt: Learnt) -> Iterator[str]:
    """Yield figures of held-out questions."""
    found = [_finds(one, own, learnt) for one, own in zip(questions, states, strict=True)]
    yield f"things of a question, as many and each in part: {np.mean(found):.3f} of {len(found)}"
    for weights, of_time in ((learnt.amounts, False), (learnt.dates, True)):
        asked = of_winner(questions, of_time)
        right = [(sum(weights.get(form, 0.0) for form in other_forms(one)) > 0) == one.most for one in asked]
        yield f"winner, {'dates' if of_time else 'amounts'}: {np.mean(right):.3f} of {len(asked)}"


def _finds(one: Labelled, states: Vectors, learnt: Learnt) -> bool:
    """Return whether as many things are found as there are, each with a word of its own."""
    logits = states @ learnt.things.T + learnt.biases
    spans = thing_spans(one.question, one.words, logits, COUNTS[one.operation])
    own: list[list[Span]] = []
    for word, label in zip(one.words, one.labels, strict=True):
        if label == BEGINS:
            own.append([])
        if label != OUTSIDE:
            own[-1].append(word)
    if len(own) != len(spans):
        return False
    return all(any(word.overlaps(span) for word in thing) for thing, span in zip(own, spans, strict=True))


@click.command(help=__doc__)
@click.option("--families", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(families: Path, out: Path) -> None:
    require_extra()
    embedder = SentenceTransformerEmbedder(default_embedder())
    questions = list(of_families(families))
    states = [with_neighbours(word_states(one.question, one.words, embedder, LAYER)) for one in questions]
    names = sorted({one.family for one in questions})
    unseen = [at for at, one in enumerate(questions) if names.index(one.family) % _HELD_OUT == 0]
    learnt = [at for at in range(len(questions)) if at not in set(unseen)]
    learnt_of_part = fit_all([questions[at] for at in learnt], [states[at] for at in learnt])
    for line in report([questions[at] for at in unseen], [states[at] for at in unseen], learnt_of_part):
        click.echo(line)
    of_all = fit_all(questions, states)
    metadata = {
        "format": FORMAT,
        "base": base_fingerprint(embedder),
        "amounts": json.dumps(of_all.amounts, ensure_ascii=False),
        "dates": json.dumps(of_all.dates, ensure_ascii=False),
    }
    save_file({"things": of_all.things, "biases": of_all.biases}, out, metadata=metadata)
    click.echo(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
