"""Hard negatives: paragraphs that the retriever ranks high for a question they do not answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from index.embeddings import Embedder, PassageText
from index.text.language import detect_language
from qa.reader.base import Context
from qa.training.examples import Source

NEAREST = 5


def add_hard_negatives(sources: Sequence[Source], embedder: Embedder) -> list[Source]:
    """Add to each source the paragraphs of the other sources that are nearest to its question.

    They need not be of the same article, nor share a word with a question in another language.
    """
    if not sources:
        return []
    contexts = list(dict.fromkeys(Context(one.paragraph, one.title, one.date) for one in sources))
    passages = embedder.embed_passages([PassageText(context.title, context.text, ()) for context in contexts])
    vectors = np.stack([one.passage for one in passages])
    queries = embedder.embed_queries([source.question for source in sources])
    order = np.argsort(-(queries @ vectors.T), axis=1)[:, : 2 * NEAREST]
    return [
        replace(source, near=tuple(_others(source, [contexts[at] for at in row]))[:NEAREST])
        for source, row in zip(sources, order, strict=True)
    ]


def _others(source: Source, found: Iterable[Context]) -> Iterator[Context]:
    """Keep paragraphs in the language of the source's own: one in another may be its translation, and answer."""
    language = detect_language(source.paragraph)
    return (
        context for context in found if context.text != source.paragraph and detect_language(context.text) == language
    )
