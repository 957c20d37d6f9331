"""Spelling correction against the retrieved passages: omitted hamzas, and typing errors.

Search folds hamzas and tolerates typing errors, but the reader sees the typed question, and it was trained on well
written text. Spellings are therefore taken from the passages found: that costs nothing, however large the collection,
and a word is only ever replaced by one in the passages that are read for the answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from rapidfuzz.distance import OSA

from index.retrieval.vocabulary import Vocabulary
from index.retriever import Hit
from index.text.folding import fold_text, to_plain_form
from index.text.words import STOP_WORDS, normalize_tokens, with_clitics

_WORD = re.compile(r"[\u0620-\u0652\u066e-\u06d3]+")
_MIN_LETTERS = 5
"""Minimum letters of a word to correct: shorter ones are too similar to others."""

Spellings = dict[str, str]


def correct_spelling(question: str, hits: Sequence[Hit], vocabulary: Vocabulary) -> str:
    """Restore omitted hamzas and correct typing errors, with the spellings of the passages found."""
    spellings = corpus_spellings(hits)
    return correct_typos(restore_hamza(question, spellings), spellings, lambda word: bool(vocabulary.passages(word)))


def corpus_spellings(hits: Sequence[Hit]) -> Spellings:
    """Map each folded word to its most frequent spelling in the passages found."""
    spelling_counts: dict[str, Counter[str]] = {}
    for hit in hits:
        text = to_plain_form(f"{hit.article.title} {hit.article.text[hit.passage.start : hit.passage.end]}").text
        for word in _WORD.findall(text):
            spelling_counts.setdefault(fold_text(word), Counter())[word] += 1
    return {folded: max(sorted(counts), key=counts.__getitem__) for folded, counts in spelling_counts.items()}


def restore_hamza(question: str, spellings: Spellings) -> str:
    """Restore omitted hamzas and dots as the articles write them."""
    forms = _without_clitics(spellings)

    def restore(match: re.Match[str]) -> str:
        typed = match.group()
        folded = fold_text(typed)
        spelling = spellings.get(folded) or forms.get(folded)
        return spelling if spelling and _differs_by_omission(typed, spelling) else typed

    return _WORD.sub(restore, question)


def correct_typos(question: str, spellings: Spellings, known: Callable[[str], bool]) -> str:
    """Correct unknown words for which exactly one known word is one edit away.

    `known` returns whether the collection has a word, in any form.
    """

    def correct(match: re.Match[str]) -> str:
        typed = match.group()
        folded = fold_text(typed)
        if len(folded) < _MIN_LETTERS or folded in STOP_WORDS or folded in spellings or known(folded):
            return typed
        candidates = [
            candidate
            for candidate in spellings
            if candidate[0] == folded[0] and OSA.distance(folded, candidate, score_cutoff=1) == 1
        ]
        stems = {normalize_tokens(candidate)[0] for candidate in candidates if len(candidate) >= _MIN_LETTERS}
        return spellings[candidates[0]] if len(stems) == 1 else typed

    return _WORD.sub(correct, question)


def _without_clitics(spellings: Spellings) -> Spellings:
    """Return the spellings with and without clitics: الأحزاب also gives أحزاب and بالأحزاب."""
    forms: Spellings = {}
    for folded, spelling in spellings.items():
        if len(folded) != len(spelling):
            continue
        cut = 2 if folded.startswith("ال") and len(folded) > 4 else 0
        for start in {cut, 0}:
            for form in with_clitics(folded[start:]):
                if form.endswith(folded[start:]):
                    forms.setdefault(form, form.removesuffix(folded[start:]) + spelling[start:])
    return forms


def _differs_by_omission(typed: str, spelling: str) -> bool:
    """Return whether the typed word differs from the spelling only by omitted hamzas and dots."""
    pairs = zip(typed, spelling, strict=False)
    return len(typed) == len(spelling) and all(
        letter == spelt or letter == _omit_hamza_and_dots(spelt) for letter, spelt in pairs
    )


def _omit_hamza_and_dots(word: str) -> str:
    return word.translate(str.maketrans("أإآٱةىؤئ", "ااااهيوي"))
