"""Words of a text for comparison with those of a question: in any form, and names in either script."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from rapidfuzz.distance import OSA

from index.retrieval.cross_script_names import key, known_exonyms, phonetic_similarity
from index.text.folding import fold_text
from index.text.language import is_arabic_letter
from index.text.words import normalize_tokens, without_clitics

_ARABIC_WORD = re.compile(r"[\u0621-\u064a]{3,}")
_LATIN_WORD = re.compile(r"[^\W\d_]{3,}")
_NISBA_SUFFIX = re.compile("يه?$")
_MIN_SIMILARITY = 0.5
"""Minimum phonetic similarity of two names with the same consonants to be the same."""
_MIN_FUZZY_LENGTH = 6
"""Minimum letters of a name that may be spelt with one letter more, less or other."""


class TextWords:
    """The words of one or several texts."""

    def __init__(self, *texts: str) -> None:
        self._texts = texts

    @cached_property
    def stems(self) -> frozenset[str]:
        """Normalised words (`index/text/words.py`)."""
        return frozenset(stem for text in self._texts for stem in normalize_tokens(text))

    @cached_property
    def _arabic(self) -> frozenset[str]:
        words = {word for text in self._texts for word in _ARABIC_WORD.findall(fold_text(text))}
        forms = words | {without_clitics(word) for word in words}
        forms |= {word[1:] for word in forms if word[0] in "بلكفو" and len(word) > 3}
        # الإيرانية, of Iran.
        return frozenset(forms | {_NISBA_SUFFIX.sub("", word) for word in forms if len(word) > 4})

    @cached_property
    def _latin(self) -> frozenset[str]:
        return frozenset(word for text in self._texts for word in _LATIN_WORD.findall(fold_text(text)))

    @cached_property
    def _keys(self) -> dict[str, list[str]]:
        """The words of both scripts by script and consonants."""
        keys: dict[str, list[str]] = {}
        for word in (*self._arabic, *self._latin):
            if found := key(word):
                keys.setdefault(found, []).append(word)
        return keys

    def has(self, word: str) -> bool:
        """Return whether a word occurs in any form of its own script."""
        stems = normalize_tokens(word)
        return bool(stems) and all(stem in self.stems for stem in stems)

    def has_name(self, word: str) -> bool:
        """Return whether a word of a name occurs, in either script, or in its own with one letter changed."""
        folded = fold_text(word)
        if self.has(word) or self._has_spelling(folded):
            return True
        return self._has_across_scripts(folded)

    def _has_spelling(self, folded: str) -> bool:
        forms = _forms(folded)
        words = self._arabic if is_arabic_letter(folded[:1]) else self._latin
        if forms & words:
            return True
        longest = max(forms, key=len)
        return len(longest) >= _MIN_FUZZY_LENGTH and any(
            abs(len(word) - len(longest)) <= 1
            and word[0] == longest[0]
            and OSA.distance(longest, word, score_cutoff=1) <= 1
            for word in words
        )

    def _has_across_scripts(self, folded: str) -> bool:
        others = self._latin if is_arabic_letter(folded[:1]) else self._arabic
        if not others:
            return False
        for form in _forms(folded):
            exonyms = known_exonyms(form)
            if any(word.startswith(exonym) for exonym in exonyms for word in others):
                return True
            own = key(form)
            other = ("l" if own[:1] == "a" else "a") + own[1:]
            if own and any(phonetic_similarity(form, word) >= _MIN_SIMILARITY for word in self._keys.get(other, ())):
                return True
        return False


@lru_cache(maxsize=4096)
def _forms(folded: str) -> frozenset[str]:
    """Return a folded word with and without what may be attached to it."""
    bare = without_clitics(folded)
    forms = {folded, bare}
    if is_arabic_letter(folded[:1]):
        forms |= {form[1:] for form in (folded, bare) if form[0] in "بلكفو" and len(form) > 3}
    return frozenset(forms)
