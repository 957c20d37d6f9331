"""Name tagger: a linear classifier of the embedder's token states.

A middle layer of the embedder knows which words are of names, in every language that it has read: a classifier that
learnt from English capitals (written in lower case) and from Arabic words that sound like them in the same sentence's
translation tells Arabic names too. `qa/training/train_names.py` trains it; docs/answer-verification.md has how often it
is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.articles import Span
from index.text.folding import to_plain_form
from qa.reader.lora_reader import base_fingerprint, read_header

if TYPE_CHECKING:
    from index.embeddings import SentenceTransformerEmbedder, Vectors

FORMAT = "jawab-names-1"
LAYER = 12
"""Layer whose output is classified: of 4, 8, … 24 the one that separates best in both languages."""
THRESHOLD = -1.0
"""Log-odds from which a word is of a name."""


class TokenStateTagger:
    """Tagger over `embedder`; `direction` has the width of its states, `bias` is in logits."""

    def __init__(self, direction: Vectors, bias: float, embedder: SentenceTransformerEmbedder) -> None:
        self._direction = direction
        self._bias = bias
        self._embedder = embedder

    @classmethod
    def of(cls, file: Path, embedder: SentenceTransformerEmbedder) -> TokenStateTagger | None:
        """Load a weights file; `None` if it is for another embedder."""
        from safetensors.numpy import load_file

        metadata = read_header(file, FORMAT)
        if metadata.get("base") != base_fingerprint(embedder):
            return None
        return cls(load_file(file)["direction"], float(metadata["bias"]), embedder)

    def tag(self, text: str, words: Sequence[Span]) -> Sequence[bool]:
        if not words:
            return []
        return [odds >= THRESHOLD for odds in self.odds(text, words)]

    def odds(self, text: str, words: Sequence[Span]) -> list[float]:
        """Log-odds that each word is of a name."""
        states = word_states(text, words, self._embedder)
        return [float(value) for value in states @ self._direction + self._bias]


def word_states(text: str, words: Sequence[Span], embedder: SentenceTransformerEmbedder, layer: int = LAYER) -> Vectors:
    """Mean token states of words, of shape (words, width); zeros for a word without tokens of its own."""
    plain = to_plain_form(text)
    states, offsets = embedder.token_states(plain.text, layer)
    spans = [plain.to_original(start, max(end, start + 1)) for start, end in offsets]
    rows = np.zeros((len(words), states.shape[1]), dtype=np.float32)
    for row, word in enumerate(words):
        inside = [at for at, span in enumerate(spans) if offsets[at][1] > offsets[at][0] and span.overlaps(word)]
        if inside:
            rows[row] = states[inside].mean(0)
    return rows
