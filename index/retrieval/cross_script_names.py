"""Matching of names across scripts: كيربي is Kirby and واشنطن is Washington.

A transliterated name keeps its consonants, more or less; its vowels may be written or not. So the key of a name is its
consonants, in classes that both scripts share (ك ق k c q are one), and words with the same key are the same name if
their vowels are similar enough. Names that are not transliterated by sound (Egypt, مصر), or by rules of another
language, are in a table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from rapidfuzz.distance import LCSseq

from index.runtime.cancellation import Check, checked, never
from index.text.folding import fold_text
from index.text.words import STOP_WORDS, without_clitics

_LATIN_NAME = re.compile(r"[A-ZÀ-ÖØ-Þ][^\W\d_]+")
_ARABIC_WORD = re.compile(r"[\u0621-\u064a]{3,}")
_BLOCK = re.compile(r"(?s).{1,50000}\S{0,1000}")
"""Part of a text processed between two cancellation checks, up to the end of a word."""
_LATIN, _ARABIC = "l", "a"
_ARABIC_LETTER = re.compile(r"[\u0620-\u06d3]")
_SHORTEST_KEY = 2
"""Fewest consonants of a name: fewer are shared by too many words."""
_MIN_SIMILARITY = 0.7
"""Least phonetic similarity of a match."""
_MAX_CANDIDATES = 3
"""Most candidates for a name."""

# Phonetic form of a name, in letters shared by both scripts: consonant classes in capitals, vowels A I U.
_ARABIC_SOUNDS = str.maketrans(
    {
        "ا": "A", "ع": "A", "ء": "", "ب": "B", "پ": "B", "ت": "T", "ط": "T", "ث": "T", "ج": "G", "غ": "G", "گ": "G",
        "چ": "X", "ح": "H", "ه": "H", "خ": "K", "ك": "K", "ق": "K", "د": "D", "ض": "D", "ذ": "D", "ر": "R", "ز": "S",
        "ظ": "S", "ژ": "S", "س": "S", "ص": "S", "ش": "X", "ف": "F", "ڤ": "F", "ل": "L", "م": "M", "ن": "N", "و": "U",
        "ي": "I",
    }
)  # fmt: skip
_LATIN_CLUSTERS = """
    tch:TX sch:X sh:X chr:KR ch:X ph:F th:T kh:K gh:G dh:D rh:R ck:K qu:KU x:KS ce:SI ci:SI cy:SI oo:U ee:I ou:U j:G g:G
    b:B p:B t:T h:H k:K c:K q:K d:D r:R z:S s:S f:F v:F l:L m:M n:N w:U a:A e:I i:I y:I o:U u:U
"""
_SOUND_OF = dict(pair.split(":") for pair in _LATIN_CLUSTERS.split())
_LATIN_SOUND = re.compile("|".join(_SOUND_OF))
_FINAL_HEH = re.compile(r"(?<=\w\w)ه$")
_SILENT = re.compile(r"(?<=[aeiou])h$|(?<=[^aeiou])e$")
_VOWELS = re.compile("[AIU]")
_DOUBLED = re.compile(r"(.)\1+")

_EXONYMS = """
    egypt مصر; cairo القاهرة; morocco المغرب; algeria الجزائر; algiers الجزائر; jordan الأردن; greece اليونان;
    greek يوناني; hungary المجر; austria النمسا; india الهند; germany ألمانيا; german ألماني; england إنجلترا;
    english إنجليزي; spain إسبانيا; spanish إسباني; japan اليابان; china الصين; chinese صيني; jerusalem القدس;
    damascus دمشق; aleppo حلب; riyadh الرياض; mecca مكة; medina المدينة; kuwait الكويت; emirates الإمارات;
    yemen اليمن; lebanon لبنان; tunisia تونس; tunis تونس; syria سوريا; iraq العراق; sudan السودان; europe أوروبا;
    asia آسيا; africa أفريقيا; mediterranean المتوسط; jesus يسوع; jesus المسيح; christ المسيح; moses موسى;
    abraham إبراهيم; joseph يوسف; joseph جوزيف; john يوحنا; john جون; david داود; david ديفيد; solomon سليمان;
    mary مريم; mary ماري; charles تشارلز; charles شارل; george جورج; louis لويس; james جيمس; james يعقوب;
    peter بطرس; peter بيتر; paul بولس; paul بول; plato أفلاطون; aristotle أرسطو; socrates سقراط; alexander الإسكندر;
    alexander ألكسندر; averroes رشد; avicenna سينا; saladin صلاح; washington واشنطن; french فرنسي; france فرنسا;
    american أمريكي; america أمريكا; britain بريطانيا; british بريطاني
"""


class Rows(Protocol):
    """Callable that runs a statement on the catalogue and returns its rows."""

    def __call__(self, statement: str, *values: Any) -> Sequence[tuple[Any, ...]]: ...


def name_keys(text: str, check: Check = never) -> set[tuple[str, str]]:
    """Return (key, word) of every word of `text` that may be a name: those with a capital, and all Arabic ones.

    The words are folded, Arabic ones with and without clitics; a key begins with the script of its word.
    """
    words = set[str]().union(*(_possible_names(match.group()) for match in checked(_BLOCK.finditer(text), check)))
    keys = ((key(word), word) for word in checked(words - STOP_WORDS, check))
    return {entry for entry in keys if entry[0]}


def _possible_names(text: str) -> set[str]:
    latin = {fold_text(word) for word in _LATIN_NAME.findall(text)}
    arabic = _ARABIC_WORD.findall(fold_text(text))
    # With and without clitics: the كال of كاليفورنيا is not كـ and the article.
    return latin.union(arabic, map(without_clitics, arabic))


def transliteration_candidates(rows: Rows, word: str) -> list[str]:
    """Return words of the collection in the other script that may be the name `word` (folded), most similar first."""
    other_script = _LATIN if _is_arabic(word) else _ARABIC
    # بواشنطن: the ب may be part of the name or not.
    spellings = {word, bare := without_clitics(word), bare[1:] if _is_arabic(bare) and bare[0] in "بلكف" else bare}
    exonyms = {name for spelling in spellings for name in _exonym_table().get(spelling, ())}
    if exonyms:
        return sorted(exonyms)
    similarities: dict[str, float] = {}
    for spelling in spellings:
        spelling_key = key(spelling)
        matches = rows("SELECT word FROM names WHERE key = ?", other_script + spelling_key[1:]) if spelling_key else []
        for (name,) in matches:
            similarities[name] = max(phonetic_similarity(spelling, name), similarities.get(name, 0.0))
    similar = [name for name, value in similarities.items() if value >= _MIN_SIMILARITY]
    return sorted(similar, key=lambda name: (-similarities[name], name))[:_MAX_CANDIDATES]


def known_exonyms(name: str) -> frozenset[str]:
    """Return the names in the other script of a folded name without its article, where they differ in sound."""
    return _exonym_table().get(name, frozenset())


def key(name: str) -> str:
    """Return the script of a name and its consonants, "l" or "a" and capitals; empty where they are too few.

    Every initial vowel is "A": Obama and أوباما are ABM.
    """
    sounds = phonetic_form(name)
    # تش transliterates ch.
    consonants = _DOUBLED.sub(r"\1", _VOWELS.sub("", sounds).replace("TX", "X"))
    if len(consonants) < _SHORTEST_KEY:
        return ""
    return (_ARABIC if _is_arabic(name) else _LATIN) + ("A" if _VOWELS.match(sounds) else "") + consonants


def phonetic_similarity(one: str, other: str) -> float:
    """Return the phonetic similarity of an Arabic and a Latin name, from 0 to 1.

    A vowel that only the Latin name has counts half: Arabic omits short vowels.
    """
    arabic, latin = (
        (phonetic_form(one), phonetic_form(other)) if _is_arabic(one) else (phonetic_form(other), phonetic_form(one))
    )
    shared = LCSseq.similarity(arabic, latin)
    return 1 - (len(arabic) - shared + (len(latin) - shared) / 2) / max(len(latin), len(arabic), 1)


@lru_cache(maxsize=1 << 16)
def phonetic_form(name: str) -> str:
    """Return a name in the phonetic letters shared by both scripts."""
    folded = fold_text(name)
    if _is_arabic(folded):
        # A final ه is ة, or silent.
        return _DOUBLED.sub(r"\1", _FINAL_HEH.sub("ا", folded).translate(_ARABIC_SOUNDS))
    heard = _SILENT.sub("", folded)
    return _DOUBLED.sub(r"\1", "".join(_SOUND_OF[part] for part in _LATIN_SOUND.findall(heard)))


def _is_arabic(word: str) -> bool:
    return bool(_ARABIC_LETTER.match(word))


@lru_cache(maxsize=1)
def _exonym_table() -> dict[str, frozenset[str]]:
    """Return the table of names in both directions; Arabic ones without the article."""
    pairs = [(latin, without_clitics(arabic)) for latin, arabic in map(str.split, fold_text(_EXONYMS).split(";"))]
    all_pairs = [*pairs, *((arabic, latin) for latin, arabic in pairs)]
    return {name: frozenset(exonym for first, exonym in all_pairs if first == name) for name, _ in all_pairs}
