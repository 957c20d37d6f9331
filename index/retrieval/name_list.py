"""Lookup of names by part, in either script: "Kassar" and «كسار» find "Huda Kassar", "the Guardian" finds its host.

Words are compared folded, Arabic ones with and without clitics; across scripts by sound
(`index/retrieval/cross_script_names.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from index.retrieval.cross_script_names import key, known_exonyms, phonetic_similarity
from index.text.folding import fold_text
from index.text.words import STOP_WORDS, without_clitics

_WORD = re.compile(r"[^\W_]+")
_AIN = re.compile(r"['’ʿ‘](?!s\b)")
"""Asa'ib is one word."""
_ARABIC = re.compile(r"[\u0620-\u06d3]")
_HOST = re.compile(r"(?:[^\W_][\w-]*\.)+[^\W\d_]{2,}")
_SAID_OR_NOT = frozenset(
    fold_text(
        "mr mrs ms dr prof professor sir author writer journalist reporter columnist correspondent al el "
        "newspaper paper magazine website site "
        "الكاتب الكاتبة الصحفي الصحفية الصحافي الصحافية الدكتور الدكتورة السيد السيدة الأستاذ الأستاذة المراسل "
        "المراسلة صحيفة جريدة مجلة موقع الصحيفة الجريدة المجلة الموقع"
    ).split()
)
"""Folded words that are optional in a name, as are stop words such as "the"."""
_MIN_SIMILARITY = 0.5
"""Least phonetic similarity of two words with the same consonants that are the same name."""
_MIN_SIMILARITY_OF_SHORT = 0.75
"""The same for words with too few consonants for a key."""


@dataclass(frozen=True)
class FoundNames:
    """Result of a lookup; `exactly` is true if the names have no words beyond those of the query."""

    names: frozenset[str]
    exactly: bool


class NameList:
    """Names of one kind, such as all authors of a collection."""

    def __init__(self, names: Iterable[str]) -> None:
        self._lengths: dict[str, int] = {}
        self._by_form: dict[str, set[str]] = {}
        self._by_site: dict[str, set[str]] = {}
        self._forms_by_key: dict[str, set[str]] = {}
        for name in names:
            words = _words(name)
            self._lengths[name] = len(words)
            for form in {form for word in words for form in _forms(word)}:
                self._by_form.setdefault(form, set()).add(name)
            for site in _site_names(name):
                self._by_site.setdefault(site, set()).add(name)
        for form in self._by_form:
            self._forms_by_key.setdefault(_script(form) + key(form)[1:], set()).add(form)

    def find(self, wanted: str) -> FoundNames | None:
        """Return the names with all words of `wanted`; if some have no further words, only those."""
        words = _words(wanted)
        if not words:
            return None
        sites = self._by_site.get("".join(words), set())
        matches = sites | set.intersection(*(self._with_word(word) for word in words))
        exact = frozenset(name for name in matches if name in sites or self._lengths[name] <= len(words))
        return FoundNames(exact or frozenset(matches), bool(exact)) if matches else None

    def _with_word(self, word: str) -> set[str]:
        """Return the names that have a word in one of its forms, or in the other script."""
        forms = _forms(word)
        other_script = "l" if _script(word) == "a" else "a"
        same_sound = {
            other
            for form in forms
            for other in self._forms_by_key.get(other_script + key(form)[1:], ())
            if _sounds_the_same(form, other)
        }
        exonyms = {exonym for form in forms for exonym in known_exonyms(form)}
        return set().union(*(self._by_form.get(form, ()) for form in forms | same_sound | exonyms))


def _words(name: str) -> tuple[str, ...]:
    """Return the folded words of a name, without the optional ones, unless it has no others."""
    words = dict.fromkeys(word for word in _WORD.findall(_AIN.sub("", fold_text(name))) if word not in STOP_WORDS)
    return tuple(word for word in words if word not in _SAID_OR_NOT) or tuple(words)


def _site_names(name: str) -> tuple[str, ...]:
    """Return the names of a site by its host: of theguardian.com, "theguardian" and "guardian"."""
    folded = fold_text(name)
    if not _HOST.fullmatch(folded):
        return ()
    label = folded.split(".")[0].replace("-", "")
    return (label, label.removeprefix("the"))


def _forms(word: str) -> frozenset[str]:
    """Return a folded word with and without its clitics; one in Latin script unchanged."""
    if not _ARABIC.match(word):
        return frozenset({word})
    forms = {word, without_clitics(word)}
    # لهدى: the ل may be part of the name or not.
    return frozenset(forms | ({word[1:]} if word[0] in "لب" and len(word) > len("لعلي") - 1 else set()))


def _script(word: str) -> str:
    return "a" if _ARABIC.match(word) else "l"


def _sounds_the_same(one: str, other: str) -> bool:
    least = _MIN_SIMILARITY if key(one) else _MIN_SIMILARITY_OF_SHORT
    return phonetic_similarity(one, other) >= least
