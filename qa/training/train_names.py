"""Train the name tagger: `python -m qa.training.train_names --data FOLDER --out FILE` (five minutes on two cores).

Labels cost nothing. In English a name has a capital; the sentence is then read in lower case. In Arabic, a word is of
a name if it sounds like one of the English translation (NTREX, `parallel/ntrex-ar-en.tsv.gz` of FOLDER), or if it is in
the question and in the title of the article that answers it (TyDi, `tydiqa-ar.jsonl.gz`), and the classifier of the
first kind does not speak against it: titles have common nouns too. Logistic regression on the states of the embedder's
middle layer.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from index.articles import Span
from index.embeddings import SentenceTransformerEmbedder, Vectors
from index.text.folding import fold_text, to_plain_form
from index.text.words import STOP_WORDS, normalize_tokens
from qa.query.name_tagger import FORMAT, THRESHOLD, word_states
from qa.reader.lora_reader import base_fingerprint
from qa.text_words import TextWords
from qa.training.train import default_embedder

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SENTENCE_START = ".!?\"“':«"
_HELD_OUT = 0.15
_TITLE_WEIGHT = 3.0
"""Weight of a word of a question, of which there are fewer than of news."""
_MIN_TITLE_ODDS = -3.5
"""Log-odds, by the classifier of news alone, below which a word of a title is no name but a topic."""
_REGULARISATION = 0.005
_QUESTIONS = 2600
SEED = 0


LabelOf = Callable[[str, Span], bool]
"""Function that tells whether a word of a text is of a name."""


@dataclass(frozen=True)
class Labelled:
    """A text and whether each of its words (of those that tell anything) is of a name."""

    text: str
    words: tuple[Span, ...]
    labels: tuple[bool, ...]


def news(file: Path) -> Iterator[Labelled]:
    """Yield the sentences of a parallel corpus, tab-separated: document, Arabic, English."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            _, arabic, english = line.rstrip("\n").split("\t")[:3]
            names = [english[word.start : word.end] for word in _capitalised(english)]
            yield _of_translation(arabic, TextWords(" ".join(names)))
            yield _of_capitals(english, frozenset(_capitalised(english)))


def questions(file: Path) -> list[Labelled]:
    """Return questions whose article has a title, each once; a word is labelled if the title has it."""
    titles: dict[str, str] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row.get("title"):
                titles.setdefault(to_plain_form(row["question"]).text, row["title"])
    drawn = random.Random(SEED).sample(sorted(titles), min(_QUESTIONS, len(titles)))
    return [_of_title(question, frozenset(normalize_tokens(titles[question]))) for question in drawn]


def _of_title(question: str, title: frozenset[str]) -> Labelled:
    return _labelled(question, lambda text, word: bool(title & set(normalize_tokens(text[word.start : word.end]))))


def _capitalised(text: str) -> Iterator[Span]:
    for match in _WORD.finditer(text):
        before = text[: match.start()].rstrip()
        starts = not before or before[-1] in _SENTENCE_START
        if match[0][0].isupper() and not starts and fold_text(match[0]) not in STOP_WORDS:
            yield Span(*match.span())


def _of_translation(arabic: str, names: TextWords) -> Labelled:
    return _labelled(arabic, lambda text, word: names.has_name(text[word.start : word.end]))


def _of_capitals(english: str, names: frozenset[Span]) -> Labelled:
    # Lower case has the same length but for a few letters, which no English name has.
    return _labelled(english.lower(), lambda _, word: word in names)


def _labelled(text: str, is_name: LabelOf) -> Labelled:
    words = [Span(*match.span()) for match in _WORD.finditer(text)][1:]
    chosen = [w for w in words if fold_text(text[w.start : w.end]) not in STOP_WORDS and not text[w.start].isdigit()]
    return Labelled(text, tuple(chosen), tuple(is_name(text, word) for word in chosen))


def features_of(labelled: Sequence[Labelled], embedder: SentenceTransformerEmbedder) -> tuple[Vectors, Vectors]:
    """Return the states of all words, of shape (words, width), and their labels, of shape (words,)."""
    states = [word_states(one.text, one.words, embedder) for one in labelled if one.words]
    labels = [label for one in labelled for label in one.labels]
    return np.concatenate(states), np.array(labels, dtype=np.float32)


def fit(states: Vectors, labels: Vectors, weights: Vectors) -> tuple[Vectors, float]:
    """Return direction and bias."""
    mean, deviation = states.mean(0), states.std(0) + 1e-3
    model = LogisticRegression(C=_REGULARISATION, max_iter=400)
    model.fit((states - mean) / deviation, labels, sample_weight=weights)
    direction: Vectors = (model.coef_[0] / deviation).astype(np.float32)
    return direction, float(model.intercept_[0] - direction @ mean)


def figures(states: Vectors, labels: Vectors, direction: Vectors, bias: float) -> dict[str, float]:
    """Area under the ROC curve, and the shares of names found and of other words taken for names at the threshold."""
    odds = states @ direction + bias
    return {
        "words": len(labels),
        "auc": round(float(roc_auc_score(labels, odds)), 4),
        "found": round(float((odds[labels == 1] >= THRESHOLD).mean()), 3),
        "false": round(float((odds[labels == 0] >= THRESHOLD).mean()), 3),
    }


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(data: Path, out: Path) -> None:
    embedder = SentenceTransformerEmbedder(default_embedder())
    sentences = list(news(data / "parallel" / "ntrex-ar-en.tsv.gz"))
    kept = round(len(sentences) * (1 - _HELD_OUT))
    states, labels = features_of(sentences[:kept], embedder)
    direction, bias = fit(states, labels, np.ones_like(labels))
    asked, titled = features_of(questions(data / "tydiqa-ar.jsonl.gz"), embedder)
    likely = (titled == 0) | (asked @ direction + bias > _MIN_TITLE_ODDS)
    weights = np.concatenate([np.ones_like(labels), np.full(int(likely.sum()), _TITLE_WEIGHT, np.float32)])
    direction, bias = fit(np.concatenate([states, asked[likely]]), np.concatenate([labels, titled[likely]]), weights)
    for name, part in (("Arabic", sentences[kept::2]), ("English", sentences[kept + 1 :: 2])):
        click.echo(f"{name}: {figures(*features_of(part, embedder), direction, bias)}")
    metadata = {"format": FORMAT, "base": base_fingerprint(embedder), "bias": repr(bias)}
    save_file({"direction": direction}, out, metadata=metadata)


if __name__ == "__main__":
    main()
