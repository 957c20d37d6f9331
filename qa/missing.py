"""Names of a question that no article has: the reason to tell when a question is declined."""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.retrieval.cross_script_names import Rows, transliteration_candidates
from index.retrieval.vocabulary import Vocabulary
from index.retriever import Hit, Retriever
from index.text.folding import fold_text
from index.text.language import detect_language
from index.text.words import STOP_WORDS
from qa.text_words import TextWords

_WORD = re.compile(r"[^\W\d_]{3,}")


def missing_names(names: Sequence[str], hits: Sequence[Hit], retriever: Retriever) -> tuple[str, ...]:
    """Return the names with a word that no article has, in any form and in either script, nor its source or author.

    Where articles of another language were found none is returned: a name may be translated there.
    """
    if not names or any(detect_language(hit.passage.text) != detect_language(name) for hit in hits for name in names):
        return ()
    rows = retriever.catalog.rows
    vocabulary = Vocabulary(rows)
    publications = retriever.publications()
    credits = TextWords(*publications.by_author, *publications.by_publisher)
    return tuple(
        name
        for name in names
        if any(_is_missing(word, rows, vocabulary) and not credits.has_name(word) for word in _words(name))
    )


def _words(name: str) -> list[str]:
    return [word for word in _WORD.findall(fold_text(name)) if word not in STOP_WORDS]


def _is_missing(word: str, rows: Rows, vocabulary: Vocabulary) -> bool:
    return not vocabulary.passages(word) and not transliteration_candidates(rows, word)
