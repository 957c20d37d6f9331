"""The words of a text as keyword matching sees them: folded, without clitics, cut to a light stem."""

from __future__ import annotations

import re

from index.folding import fold_text

_WORD = re.compile(r"\w+")
# Articles with the conjunctions and prepositions that are written onto them, longest first.
_PREFIXES = ("وال", "بال", "فال", "كال", "ولل", "لل", "ال")
_SHORTEST = 3
_STEM = 5
"""Letters kept of a word. Crude, but it lets التدريب meet تدريبية and withdraw meet withdrawal."""
_STOP = frozenset(
    fold_text(
        "من في على إلى عن ما ماذا متى أين كم كيف لماذا هل هو هي التي الذي كان كانت أي أو أن إن لم لا قد "
        "the of and in to a an is was were are be by for on at with what who whom whose when where why how which "
        "did do does many much it its that this"
    ).split()
)


def content_words(text: str) -> frozenset[str]:
    """The stems of the words of `text` that carry meaning."""
    words = (word for word in _WORD.findall(fold_text(text)) if word not in _STOP)
    return frozenset(_without_prefix(word)[:_STEM] for word in words)


def _without_prefix(word: str) -> str:
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= _SHORTEST:
            return word[len(prefix) :]
    return word
