"""The paragraphs that search would bring up beside the right one: they mislead, so the reader should know them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from index.embed import Embedder, Text
from qa.training.examples import Source

NEAREST = 5


def with_near(sources: Sequence[Source], embedder: Embedder) -> list[Source]:
    """The sources of one set, each with the paragraphs of the set that are nearest to its question, its own left out.

    They need not be of the same article, nor share a word with a question in another language.
    """
    paragraphs = list(dict.fromkeys(_paragraphs(sources)))
    vectors = np.stack([one.passage for one in embedder.embed_passages([Text("", text, ()) for text in paragraphs])])
    queries = embedder.embed_queries([source.question for source in sources])
    order = np.argsort(-(queries @ vectors.T), axis=1)[:, : NEAREST + 1]
    return [
        replace(source, near=tuple(paragraphs[at] for at in row if paragraphs[at] != source.paragraph)[:NEAREST])
        for source, row in zip(sources, order, strict=True)
    ]


def _paragraphs(sources: Iterable[Source]) -> Iterable[str]:
    for source in sources:
        yield source.paragraph
        yield from source.others
