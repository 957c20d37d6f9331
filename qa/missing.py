"""Names of a question that no article has: the reason to tell when a question is declined."""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.retrieval.cross_script_names import Rows, transliteration_candidates
from index.retrieval.vocabulary import Vocabulary
from index.text.folding import fold_text
from index.text.words import STOP_WORDS

_WORD = re.compile(r"[^\W\d_]{2,}")


def missing_names(names: Sequence[str], rows: Rows) -> tuple[str, ...]:
    """Return the names with a word that no article has, in any form and in either script."""
    vocabulary = Vocabulary(rows)
    return tuple(name for name in names if any(_is_missing(word, rows, vocabulary) for word in _words(name)))


def _words(name: str) -> list[str]:
    return [word for word in _WORD.findall(fold_text(name)) if word not in STOP_WORDS]


def _is_missing(word: str, rows: Rows, vocabulary: Vocabulary) -> bool:
    return not vocabulary.passages(word) and not transliteration_candidates(rows, word)
