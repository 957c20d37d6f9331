"""Questions that compare, understood: what is compared, how, and whether the most or the least is asked for.

    "Which is longer, the Palm bridge or the Heron bridge?"
    →  which; things "the Palm bridge", "the Heron bridge"; the most

The intent classifier (`intent.py`) recognises that a question compares, and in which way. Linear classifiers of the
embedder's token states find the words that name the things; whether the most or the least is asked for, the other words
say, by learnt weights. `qa/training/train_comparisons.py` trains both; docs/answer-verification.md has how often they
are right.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np

from index.articles import Span
from index.text.folding import fold_text
from index.text.words import normalize_tokens
from qa.query.intent import Intents
from qa.query.name_tagger import word_states
from qa.reader.lora_reader import base_fingerprint, read_header
from qa.units import units_by_word

if TYPE_CHECKING:
    from index.embeddings import SentenceTransformerEmbedder, Vectors

FORMAT = "jawab-comparisons-1"
Operation = Literal["which", "whether", "difference", "sum"]
"""Which thing has the most or the least; whether the first one does; how far two are apart; how much all are together.
"""
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
MIN_PROBABILITY = 0.35
"""Least probability that a question compares."""
LAYER = 16
"""Layer whose output is classified."""
OUTSIDE, BEGINS, WITHIN = range(3)
"""Labels of a word: of no thing's name, the first of one, another of one."""
_TWO = {0: -1.0, 2: 0.0}
_MORE = {0: -1.0, 2: 0.0, 3: -1.0, 4: -2.0}
COUNTS: Mapping[Operation, Mapping[int, float]] = {
    "which": _MORE,
    "whether": {2: 0.0},
    "difference": _TWO,
    "sum": _MORE,
}
"""Log-odds of each number of named things, against two of them, by operation; chosen on held-out families."""
WORD = re.compile(r"[^\W_](?:[^\W_]|[\u064b-\u0652\u0670\u0640])*(?:['’-][^\W_]+)*")
_JOINED = re.compile(r"[\s«»\"“”„'’()]*(?:-[\s]*)?")
"""Separator of two words of one thing."""
_WHETHER = re.compile(
    r"\W*(?:and |but |so )?(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would)\b|\W*[وف]?هل(?!\w)"
)
_WHICH = re.compile(
    r"\W*(?:(?:in|at|on|of|from|to) )?(?:which|who|where)\b|\W*[وف]?(?:في |من )?(?:اي|ايهما|ايهم|ايها|من|اين)(?!\w)"
)
_HOW_MANY = re.compile(r"\bhow (?:many|much|far|long)\b|(?<!\w)(?<!\d )[وفب]?كم(?!\w)")
_CHOICE = re.compile(r"\bor\b|\b(?:which|who)\b|(?<!\w)(?:ام|ايهما|ايهم|ايها|اي)(?!\w)")
_AND = re.compile(r"^و(?=ال\w\w|\d)")
_COUNTED = re.compile(r"\bhow (?:many|much) (?:more |fewer |less )?(\w+)|(?<!\w)(?:ب|و|ف)?كم (\w+)")


@dataclass(frozen=True)
class ComparisonQuestion:
    """A question that compares the values of several things.

    `things` are as the question names them; none where one of a kind is asked for ("which bridge is the longest?").
    `most` says whether the greatest value wins, and `latest` the same of dates: what is older has more years, and an
    earlier date. For "whether" it is what the first thing must have. `unit` is the folded word of the unit that a
    difference or a sum is asked in, "" where none is.
    """

    question: str
    operation: Operation
    things: tuple[str, ...]
    most: bool = True
    latest: bool = True
    unit: str = ""

    def about(self, thing: str) -> str:
        """Return the question without the other things: what its value is searched for with."""
        text = self.question
        for other in self.things:
            if other != thing and other not in thing:
                text = re.sub(rf"(?<!\w){re.escape(other)}(?!\w)", " ", text)
        return " ".join(text.split())


WordWeights = Mapping[str, float]
"""Weights of words in log-odds, by form (`forms_of`)."""


class ComparisonParser(Protocol):
    """Understands questions that compare."""

    def parse(self, question: str, intents: Intents) -> ComparisonQuestion | None:
        """Return what a question compares; `None` for any other question."""


class NoComparisons:
    """Parser that knows nothing: comparisons are read as any other question."""

    def parse(self, question: str, intents: Intents) -> ComparisonQuestion | None:
        return None


class TokenStateComparisonParser:
    """Parser over `embedder`.

    `things` has shape (3, 3 · width) and `biases` (3,): of the states of a word, the one before and the one after, the
    logits that the word is of no thing's name, begins one, or is within one. `amounts` and `dates` weigh the words
    outside: above 0 the most wins, or the latest.
    """

    def __init__(
        self,
        things: Vectors,
        biases: Vectors,
        amounts: WordWeights,
        dates: WordWeights,
        embedder: SentenceTransformerEmbedder,
    ) -> None:
        self._things = things
        self._biases = biases
        self._amounts = amounts
        self._dates = dates
        self._embedder = embedder

    @classmethod
    def of(cls, file: Path, embedder: SentenceTransformerEmbedder) -> TokenStateComparisonParser | None:
        """Load a weights file; `None` if it is for another embedder."""
        from safetensors.numpy import load_file

        metadata = read_header(file, FORMAT)
        if metadata.get("base") != base_fingerprint(embedder):
            return None
        tensors = load_file(file)
        amounts, dates = json.loads(metadata["amounts"]), json.loads(metadata["dates"])
        return cls(tensors["things"], tensors["biases"], amounts, dates, embedder)

    def parse(self, question: str, intents: Intents) -> ComparisonQuestion | None:
        possible = _possible(question)
        if sum(map(intents.of, OPERATIONS)) < MIN_PROBABILITY:
            return None
        operation = max(possible, key=intents.of)
        words = question_words(question)
        if not words:
            return None
        states = with_neighbours(word_states(question, words, self._embedder, LAYER))
        spans = thing_spans(question, words, states @ self._things.T + self._biases, COUNTS[operation])
        named = [question[span.start : span.end] for span in spans]
        # In Arabic "and" is written with what follows it.
        things = tuple(_AND.sub("", name) if at else name for at, name in enumerate(named))
        if len(set(map(fold_text, things))) < len(things):
            return None
        others = [word for word in words if not any(word.overlaps(span) for span in spans)]
        forms = {form for word in others for form in forms_of(question[word.start : word.end])}
        most, latest = (sum(weights.get(form, 0.0) for form in forms) > 0 for weights in (self._amounts, self._dates))
        return ComparisonQuestion(question, operation, things, most, latest, asked_unit(question))


def _possible(question: str) -> Sequence[Operation]:
    """Return the operations that a question's first words leave open."""
    folded = fold_text(question)
    if _WHETHER.match(folded):
        # "Is the Palm bridge or the Heron bridge longer?" offers a choice.
        return ("which", "whether") if _CHOICE.search(folded) else ("whether",)
    if _WHICH.match(folded):
        return ("which",)
    return ("difference", "sum") if _HOW_MANY.search(folded) else OPERATIONS


def forms_of(word: str) -> Iterator[str]:
    """Yield the forms of a word that have a weight: as it is, folded, and its stems."""
    yield f"={fold_text(word)}"
    yield from normalize_tokens(word)


def question_words(question: str) -> list[Span]:
    """Return the words of a question that are classified."""
    return [Span(*match.span()) for match in WORD.finditer(question)]


def with_neighbours(states: Vectors) -> Vectors:
    """Return each word's state with those of the words before and after it, zeros at the ends; (words, 3 · width)."""
    nothing = np.zeros_like(states[:1])
    return np.concatenate(
        [states, np.concatenate([nothing, states[:-1]]), np.concatenate([states[1:], nothing])], axis=1
    )


def thing_spans(question: str, words: Sequence[Span], logits: Vectors, counts: Mapping[int, float]) -> list[Span]:
    """Return where things are named: the likeliest labelling of the words that names as many things as `counts` allows.

    `logits` has shape (words, 3): of no name, begins one, within one. `counts` are the log-odds of each number of
    things. By dynamic programming over words, number of things so far, and the word's label (Viterbi 1967).
    """
    joined = [bool(_JOINED.fullmatch(question[one.end : other.start])) for one, other in pairwise(words)]
    paths = {(0, OUTSIDE): (logits[0, OUTSIDE], [OUTSIDE]), (1, BEGINS): (logits[0, BEGINS], [BEGINS])}
    for row, is_joined in zip(logits[1:], joined, strict=True):
        longer: dict[tuple[int, int], tuple[float, list[int]]] = {}
        for (count, before), (score, labels) in paths.items():
            for label in (OUTSIDE, BEGINS, WITHIN):
                if label == WITHIN and (before == OUTSIDE or not is_joined):
                    continue
                key = count + (label == BEGINS), label
                if key[0] <= max(counts) and score + row[label] > longer.get(key, (-math.inf, []))[0]:
                    longer[key] = score + row[label], [*labels, label]
        paths = longer
    ending = [(score + counts[count], labels) for (count, _), (score, labels) in paths.items() if count in counts]
    _, labels = max(ending, key=lambda path: path[0], default=(0.0, []))
    spans: list[Span] = []
    for word, label in zip(words, labels, strict=False):
        if label == BEGINS:
            spans.append(word)
        elif label == WITHIN:
            spans[-1] = Span(spans[-1].start, word.end)
    return spans


def asked_unit(question: str) -> str:
    """Return the unit that is counted ("how many years", «بكم مترا»), folded; "" if none is."""
    for match in _COUNTED.finditer(fold_text(question)):
        word = match[1] or match[2]
        if word in units_by_word():
            return word
    return ""
