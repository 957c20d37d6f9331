"""Words as the articles spell them: hamzas that were left out, and slips of the finger.

Search folds hamzas away, and finds what it should in spite of a slip; but the reader sees what was typed, and it has
learnt from well written text. So what search found says how the words are spelt: that costs nothing, however large the
collection, and a word is only ever replaced by one that stands where the answer is looked for.
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
_SHORTEST = 5
"""Letters of a word that a slip is looked for in: shorter ones are too near to others."""

Spellings = dict[str, str]


def correct_spelling(question: str, hits: Sequence[Hit], vocabulary: Vocabulary) -> str:
    """The question with hamzas that were left out, and slips put right, as the passages that were found have them."""
    written = corpus_spellings(hits)
    return correct_typos(restore_hamza(question, written), written, lambda word: bool(vocabulary.passages(word)))


def corpus_spellings(hits: Sequence[Hit]) -> Spellings:
    """Folded word → how the passages that were found write it, most often."""
    written: dict[str, Counter[str]] = {}
    for hit in hits:
        text = to_plain_form(f"{hit.article.title} {hit.article.text[hit.passage.start : hit.passage.end]}").text
        for word in _WORD.findall(text):
            written.setdefault(fold_text(word), Counter())[word] += 1
    return {folded: max(sorted(counts), key=counts.__getitem__) for folded, counts in written.items()}


def restore_hamza(question: str, written: Spellings) -> str:
    """The question with the hamzas and dots that the articles write, where they were left out."""
    bare = _without_clitics(written)

    def word(match: re.Match[str]) -> str:
        typed = match.group()
        folded = fold_text(typed)
        spelling = written.get(folded) or bare.get(folded)
        return spelling if spelling and _leaves_out(typed, spelling) else typed

    return _WORD.sub(word, question)


def correct_typos(question: str, written: Spellings, known: Callable[[str], bool]) -> str:
    """The question with the words put right that a slip has made unknown, where one word alone is a slip away.

    `known` tells whether the collection has a word, in any form.
    """

    def word(match: re.Match[str]) -> str:
        typed = match.group()
        folded = fold_text(typed)
        if len(folded) < _SHORTEST or folded in STOP_WORDS or folded in written or known(folded):
            return typed
        near = [one for one in written if one[0] == folded[0] and OSA.distance(folded, one, score_cutoff=1) == 1]
        stems = {normalize_tokens(one)[0] for one in near if len(one) >= _SHORTEST}
        return written[near[0]] if len(stems) == 1 else typed

    return _WORD.sub(word, question)


def _without_clitics(written: Spellings) -> Spellings:
    """The same words with what may be written onto them as well: الأحزاب also tells أحزاب and بالأحزاب."""
    bare: Spellings = {}
    for folded, spelling in written.items():
        if len(folded) != len(spelling):
            continue
        cut = 2 if folded.startswith("ال") and len(folded) > 4 else 0
        for start in {cut, 0}:
            for form in with_clitics(folded[start:]):
                if form.endswith(folded[start:]):
                    bare.setdefault(form, form.removesuffix(folded[start:]) + spelling[start:])
    return bare


def _leaves_out(typed: str, spelling: str) -> bool:
    """Whether hamzas and dots of the spelling are left out in what was typed, and nothing else is otherwise."""
    pairs = zip(typed, spelling, strict=False)
    return len(typed) == len(spelling) and all(one == other or one == _careless(other) for one, other in pairs)


def _careless(word: str) -> str:
    return word.translate(str.maketrans("أإآٱةىؤئ", "ااااهيوي"))
