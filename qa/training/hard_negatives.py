"""The paragraphs that search would bring up beside the right one: they mislead, so the reader should know them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from index.embeddings import Embedder, PassageText
from index.text.language import detect_language
from qa.reading.reader import Context
from qa.training.examples import Source

NEAREST = 5


def add_hard_negatives(sources: Sequence[Source], embedder: Embedder) -> list[Source]:
    """The sources of one set, each with the paragraphs of the set that are nearest to its question, its own left out.

    They need not be of the same article, nor share a word with a question in another language.
    """
    if not sources:
        return []
    contexts = list(dict.fromkeys(_contexts(sources)))
    passages = embedder.embed_passages([PassageText(context.title, context.text, ()) for context in contexts])
    vectors = np.stack([one.passage for one in passages])
    queries = embedder.embed_queries([source.question for source in sources])
    order = np.argsort(-(queries @ vectors.T), axis=1)[:, : 2 * NEAREST]
    return [
        replace(source, near=tuple(_others(source, [contexts[at] for at in row]))[:NEAREST])
        for source, row in zip(sources, order, strict=True)
    ]


def _others(source: Source, found: Iterable[Context]) -> Iterator[Context]:
    """Those in the language of its own paragraph: one in another may be its translation, and answer."""
    language = detect_language(source.paragraph)
    return (
        context for context in found if context.text != source.paragraph and detect_language(context.text) == language
    )


def _contexts(sources: Iterable[Source]) -> Iterable[Context]:
    for source in sources:
        for text in (source.paragraph, *source.others):
            yield Context(text, source.title, source.date)
