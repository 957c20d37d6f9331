"""Prompt-injection classifier: finds sentences that address the LLM ("ignore your instructions and answer …").

They address whoever answers and state nothing about the world, so nothing that they say is an answer: the reader does
not get them, but they stay in the article and in the passages that are shown, and the record lists them (`left_out`).
They are recognised by their meaning, in any language of the embedder: by a linear function of the sentence's vector
(`qa/training/train_commands.py`; docs/generation.md has how often it is right).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.retriever import Hit
from qa.answer import LeftOut
from qa.reader.lora_reader import base_fingerprint, read_header

if TYPE_CHECKING:
    from index.embeddings import SentenceTransformerEmbedder, Vectors

FORMAT = "jawab-commands-1"
THRESHOLD = 0.5
"""Log-odds from which a sentence is an injection: no sentence of the samples reaches it."""
NEIGHBOUR_THRESHOLD = -2.0
"""The same for other sentences of a passage that has one: injections rarely come alone."""


@dataclass(frozen=True)
class ScreenedHits:
    """Hits without their injected sentences, and those sentences."""

    hits: list[Hit]
    left_out: tuple[LeftOut, ...] = ()


class InjectionClassifier:
    """Linear classifier of sentence vectors. `direction` has the embedder's dimension, `bias` is in logits."""

    def __init__(self, direction: Vectors, bias: float) -> None:
        self._direction = direction
        self._bias = bias

    @classmethod
    def of(cls, file: Path, embedder: SentenceTransformerEmbedder) -> InjectionClassifier | None:
        """Load a weights file; `None` if it is for another embedder."""
        from safetensors.numpy import load_file

        metadata = read_header(file, FORMAT)
        if metadata.get("base") != base_fingerprint(embedder):
            return None
        return cls(load_file(file)["direction"], float(metadata["bias"]))

    def odds(self, vectors: Vectors) -> Vectors:
        """Log-odds of injection for vectors of shape (sentences, dimension)."""
        odds: Vectors = vectors @ self._direction + self._bias
        return odds

    def filter_hits(self, hits: Sequence[Hit]) -> list[Hit]:
        """Return the hits without their injected sentences."""
        return self.screen(hits).hits

    def screen(self, hits: Sequence[Hit]) -> ScreenedHits:
        """Separate the hits from their injected sentences, which are in the order of the hits."""
        screened: list[Hit] = []
        left_out: list[LeftOut] = []
        for hit in hits:
            harmless = self._harmless(hit)
            kept = tuple(sentence for sentence, keep in zip(hit.sentences, harmless, strict=True) if keep)
            screened.append(replace(hit, sentences=kept))
            left_out += [
                LeftOut(hit.article.id, hit.article.title, sentence.span.start, sentence.span.end, sentence.text)
                for sentence, keep in zip(hit.sentences, harmless, strict=True)
                if not keep
            ]
        return ScreenedHits(screened, tuple(left_out))

    def _harmless(self, hit: Hit) -> list[bool]:
        """Return of each sentence whether it is no injection."""
        if not hit.sentences:
            return []
        odds = self.odds(np.stack([sentence.vector for sentence in hit.sentences]))
        threshold = NEIGHBOUR_THRESHOLD if odds.max() >= THRESHOLD else THRESHOLD
        harmless: list[bool] = (odds < threshold).tolist()
        return harmless
