"""Find names in a sentence that its sources lack: another person's, or a misspelt one.

In English a name has a capital. Across scripts, words are compared by sound (`index/retrieval/cross_script_names.py`):
Kirby is كيربي, and Kerry is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from index.retrieval.cross_script_names import key, known_exonyms, phonetic_similarity
from index.text.folding import fold_text
from index.text.words import STOP_WORDS, content_words, without_clitics
from qa.verification import calendar

_CAPITAL = re.compile(r"(?<![\w'’])[A-Z][\w]*(?:['’-][\w]+)*")
_ARABIC_WORD = re.compile(r"[\u0621-\u064a]{3,}")
_AIN = re.compile(r"['’](?!s\b)")
"""Asa'ib is one word."""
_NAME_PART = re.compile(r"[^\W\d_]+")
_NISBA_SUFFIX = re.compile("يه?$")
_MIN_SIMILARITY = 0.5
"""Minimum phonetic similarity of two names with the same consonants to be the same."""
_MISSPELLING_SIMILARITY = 0.65
"""Phonetic similarity above which a different name counts as a misspelling."""
_ARTICLES = frozenset({"al", "el", "ibn", "bin", "abu", "abd"})


def extract_names(sentence: str) -> list[str]:
    """Return the parts of the names in an English sentence, folded: capitalised words that are not stop words."""
    parts = [part for name in _CAPITAL.findall(sentence) for part in _NAME_PART.findall(_AIN.sub("", fold_text(name)))]
    return [part for part in parts if len(part) > 2 and part not in STOP_WORDS | calendar.ENGLISH | _ARTICLES]


def unsupported_names(sentence: str, sources: Iterable[str]) -> list[str]:
    """Return names of an English sentence that no source has, in the same script or by sound."""
    latin, arabic = _words(sources)
    return [name for name in extract_names(sentence) if not _is_supported(name, latin, arabic)]


def misspelled_names(sentence: str, sources: Iterable[str]) -> list[str]:
    """Return the unsupported names that sound almost like a word of the sources."""
    _, arabic = _words(sources := list(sources))
    return [
        name
        for name in unsupported_names(sentence, sources)
        if max((phonetic_similarity(name, word) for word in arabic), default=0) > _MISSPELLING_SIMILARITY
    ]


def missing_names(phrase: str, sentence: str) -> list[str]:
    """Return names of an English phrase that an Arabic sentence does not have."""
    _, arabic = _words([sentence])
    return [name for name in extract_names(phrase) if not _is_supported(name, frozenset(), arabic)]


def _words(sources: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the content words in Latin script, and the words in Arabic script with and without clitics."""
    folded = [fold_text(source) for source in sources]
    latin = frozenset(word for text in folded for word in content_words(text))
    arabic = {word for text in folded for word in _ARABIC_WORD.findall(text)}
    forms = arabic | {without_clitics(word) for word in arabic}
    forms |= {word[1:] for word in forms if word[0] in "بلكف" and len(word) > 3}
    # الإيرانية, of Iran.
    return latin, frozenset(forms | {_NISBA_SUFFIX.sub("", word) for word in forms if len(word) > 4})


def _is_supported(name: str, latin: frozenset[str], arabic: frozenset[str]) -> bool:
    if content_words(name) <= latin:
        return True
    if any(word.startswith(exonym) for exonym in known_exonyms(name) for word in arabic):
        return True
    consonants = key(name)[1:]
    candidates = (word for word in arabic if key(word)[1:] == consonants)
    return any(
        phonetic_similarity(name, word) >= (_MIN_SIMILARITY if consonants else _MISSPELLING_SIMILARITY)
        for word in candidates
    )
