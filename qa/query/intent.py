"""Intent of a question: the kind of answer that it asks for, told by a linear classifier of its embedding.

Rules (`understanding.py`, `catalog_question.py`) know the common wordings and read what they say exactly; people word
the same questions in a hundred other ways, which the embedder knows to be near each other, in every language.
`qa/training/train_intents.py` trains the classifier; docs/answer-verification.md has how often it is right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np

from qa.reader.lora_reader import base_fingerprint, read_header

if TYPE_CHECKING:
    from index.embeddings import SentenceTransformerEmbedder, Vectors

FORMAT = "jawab-intents-2"
Intent = Literal[
    "phrase", "list", "yes-no", "which", "whether", "difference", "sum",
    "author", "date", "source", "count", "articles", "newest", "oldest",
]  # fmt: skip
"""Four compare (`comparison_question.py`). The last seven ask the catalogue: who wrote an article, when, where it was
published, how many there are, which."""
INTENTS: tuple[Intent, ...] = get_args(Intent)


@dataclass(frozen=True)
class Intents:
    """Probabilities of the intents, which sum to 1; empty where no classifier is there.

    `generic` are the stems that catalogue questions have in common, whatever they are about; `incidental` those that
    occur in several of them and in no topic: where nothing else is left of a topic, and an author or a publication was
    found, they are dropped, too.
    """

    probabilities: Mapping[Intent, float] = field(default_factory=dict)
    generic: frozenset[str] = frozenset()
    incidental: frozenset[str] = frozenset()

    def of(self, intent: Intent) -> float:
        return self.probabilities.get(intent, 0.0)


class IntentClassifier(Protocol):
    """Tells the intent of a question that stands alone."""

    def classify(self, question: str) -> Intents: ...


class NoIntents:
    """Classifier that knows nothing: rules alone decide."""

    def classify(self, question: str) -> Intents:
        return Intents()


class EmbeddingIntentClassifier:
    """Softmax regression over `embedder`'s query vector.

    `weights` has shape (intents, dimension), `biases` (intents,).
    """

    def __init__(
        self,
        weights: Vectors,
        biases: Vectors,
        generic: frozenset[str],
        incidental: frozenset[str],
        embedder: SentenceTransformerEmbedder,
    ) -> None:
        self._weights = weights
        self._biases = biases
        self._generic = generic
        self._incidental = incidental
        self._embedder = embedder

    @classmethod
    def of(cls, file: Path, embedder: SentenceTransformerEmbedder) -> EmbeddingIntentClassifier | None:
        """Load a weights file; `None` if it is for another embedder."""
        from safetensors.numpy import load_file

        metadata = read_header(file, FORMAT)
        if metadata.get("base") != base_fingerprint(embedder):
            return None
        tensors = load_file(file)
        generic, incidental = (frozenset(json.loads(metadata[name])) for name in ("generic", "incidental"))
        return cls(tensors["weights"], tensors["biases"], generic, incidental, embedder)

    def classify(self, question: str) -> Intents:
        odds = self._weights @ self._embedder.embed_queries([question])[0] + self._biases
        shares = np.exp(odds - odds.max())
        probabilities = dict(zip(INTENTS, (shares / shares.sum()).tolist(), strict=True))
        return Intents(probabilities, self._generic, self._incidental)
