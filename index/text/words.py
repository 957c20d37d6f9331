"""Word normalisation for keyword search: folding, clitic removal and stemming.

    normalize_tokens("والمكتبات المدرسيّة ٢٠٢٢")  ==  ["مكتب", "مدرس", "2022"]

Arabic clitics and endings are removed as in Light10 (Larkey, Ballesteros and Connell, "Light Stemming for Arabic
Information Retrieval", in Arabic Computational Morphology, Springer 2007), and then ب ل ك ف. Snowball's Arabic stemmer
performs as well (`benchmarks/retrieval.py`), but does not match شركات with شركة. English words are stemmed by
Snowball's English stemmer. Every step has a switch, so that its effect can be measured.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from index.text.folding import fold_character, fold_text

_WORD = re.compile(r"\w+")

# Words, normalised

_TOKEN = re.compile(r"[^\W_][^\W_\u064b-\u0652\u0670]*(?:[\u064b-\u0652\u0670]+[^\W_]*)*")
"""A run of letters and digits, with marks inside where they are not folded."""
_THOUSANDS = re.compile(r"(?<=\d)[,٬](?=\d{3}(?!\d))")
_ARABIC = re.compile(r"[\u0620-\u064a\u066e-\u06d3]")
_LATIN = re.compile(r"[a-z]+")

_ALEFS = frozenset("أإآٱؤئ")
_ENDINGS = frozenset("ةى")
_MARKS = frozenset(map(chr, [*range(0x064B, 0x0653), 0x0670, 0x0640]))
_DIGITS = frozenset("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹")

_ARTICLES = ("وال", "بال", "كال", "فال", "ولل", "لل", "ال")
"""The article with attached clitics, longest first. Light10's, and ولل, which it lacks."""
_SUFFIXES = ("ها", "ان", "ات", "ون", "ين", "يه", "ية", "ه", "ة", "ي")
"""Light10's, in its order; each is removed once."""
_SHORTEST = 2
"""Fewest letters that Light10 leaves of a word."""
_SHORTEST_REST = 3
"""Fewest letters left when و or a preposition is removed."""
_PREPOSITIONS = frozenset("بلكف")


@dataclass(frozen=True)
class NormalizationSteps:
    """Switches of the normalisation steps; all are on except in benchmarks."""

    alefs: bool = True
    """Map أ إ آ ٱ to ا, and the carriers of a hamza to plain letters."""
    endings: bool = True
    """Map ة to ه and ى to ي."""
    marks: bool = True
    """Remove tashkeel and tatweel."""
    digits: bool = True
    """Map ٣ to 3, and 1,500 to 1500."""
    clitics: bool = True
    """Remove و and the article, with the prepositions attached to it."""
    prepositions: bool = True
    """Remove ب ل ك ف without an article, last, where enough is left. The ك of كتاب is not a preposition, but it is
    removed from every form of the word, so that كتاب still matches itself, بكتاب and الكتاب."""
    arabic: Literal["light10", "snowball", "none"] = "light10"
    """Stemmer of Arabic words."""
    english: bool = True
    """Stem English words."""


ALL = NormalizationSteps()


def normalize_tokens(text: str, steps: NormalizationSteps = ALL) -> list[str]:
    """Return the words of `text` in order, with stop words, each normalised as in the index."""
    return [_normal(word, steps) for word in _tokens(text, steps)]


def query_tokens(text: str, steps: NormalizationSteps = ALL) -> dict[str, str]:
    """Return the words of `text` in order, without stop words: each as spelt (folded), with its normalised form."""
    words = dict.fromkeys(word for word in _tokens(text, steps) if fold_text(word) not in STOP_WORDS)
    return {word: _normal(word, steps) for word in words}


def with_clitics(word: str) -> list[str]:
    """Return a folded word in all its forms in text: with the conjunctions and prepositions that attach to it."""
    if not _ARABIC.match(word):
        return [word]
    forms = [f"{preposition}{word}" for preposition in ("", "ب", "ل", "ك")]
    if word.startswith("ال"):
        forms[2] = f"ل{word[1:]}"
    return [f"{conjunction}{form}" for conjunction in ("", "و", "ف") for form in forms]


def _tokens(text: str, steps: NormalizationSteps) -> list[str]:
    folded = _partly_folded(text, steps)
    return _TOKEN.findall(_THOUSANDS.sub("", folded) if steps.digits else folded)


def _partly_folded(text: str, steps: NormalizationSteps) -> str:
    unfolded = _unfolded_characters(steps)
    if not unfolded:
        return fold_text(text)
    return "".join(character if character in unfolded else fold_character(character) for character in text)


@lru_cache(maxsize=32)
def _unfolded_characters(steps: NormalizationSteps) -> frozenset[str]:
    """Return the characters that are not folded because their step is switched off."""
    switches = (
        (steps.alefs, _ALEFS),
        (steps.endings, _ENDINGS),
        (steps.marks, _MARKS),
        (steps.digits, _DIGITS),
    )
    return frozenset().union(*(characters for is_on, characters in switches if not is_on))


@lru_cache(maxsize=1 << 18)
def _normal(word: str, steps: NormalizationSteps) -> str:
    if _LATIN.fullmatch(word):
        return _snowball("english", word) if steps.english else word
    if not _ARABIC.match(word):
        return word
    if steps.clitics:
        word = without_clitics(word)
    if steps.arabic != "none":
        word = _without_endings(word) if steps.arabic == "light10" else _snowball("arabic", word) or word
    return _without_preposition(word) if steps.prepositions else word


def without_clitics(word: str) -> str:
    """Return a folded word without و, the article, and the prepositions attached to the article."""
    if word.startswith("و") and len(word) > _SHORTEST_REST:
        word = word[1:]
    for article in _ARTICLES:
        if word.startswith(article) and len(word) - len(article) >= _SHORTEST:
            return word[len(article) :]
    return word


def _without_preposition(word: str) -> str:
    # More than one, so that بكتاب and كتاب have the same result.
    while word[0] in _PREPOSITIONS and len(word) > _SHORTEST_REST:
        word = word[1:]
    return word


def _without_endings(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST:
            word = word[: -len(suffix)]
    return word


def _snowball(language: str, word: str) -> str:
    import snowballstemmer

    # A stemmer holds the current word and is not thread-safe: each call makes its own.
    return str(snowballstemmer.stemmer(language).stemWord(word))


_ARABIC_STOP_WORDS = """
    من في على إلى عن مع عند لدى بين حتى منذ خلال بعد قبل فوق تحت ضد دون حول نحو عبر سوى غير إلا مثل كل بعض أي أية
    جميع ما ماذا متى أين كم كيف لماذا لما هل أ لمن بماذا بم مم عم فيم ممن مما عما فيما بما لما كما حيث إذ إذا لو
    لولا لأن لكن لكي كي هو هي هما هم هن أنا نحن أنت أنتم هذا هذه ذلك تلك هؤلاء أولئك هناك هنا الذي التي الذين اللذان
    اللتان اللاتي اللواتي كان كانت كانوا يكون تكون كن ليس ليست ليسوا قد لقد سوف لم لن لا ما أن إن أنه إنه أنها إنها
    أنهم بأن بأنه وأن فإن أو أم ثم بل أما إما فقط أيضا به بها بهم له لها لهم لهما فيه فيها فيهم منه منها منهم عليه
    عليها عليهم عنه عنها إليه إليها معه معها عنده بينهم ذات ذو ذي تم يتم و ف ب ك ل س
"""
_ENGLISH_STOP_WORDS = """
    a an the and or but nor so if than then as of in on at to from by with without within into onto for about
    between among through during before after above below under over against per via up down out off is am are was
    were be been being do does did done doing have has had having can could will would shall should may might must i
    me my we us our you your he him his she her hers it its they them their theirs this that these those there here
    who whom whose which what when where why how many much any some such no not only own same too very just also s t
    d ll re ve m isn aren wasn weren don doesn didn hasn haven hadn won wouldn couldn shouldn
"""
STOP_WORDS = frozenset(
    form for word in fold_text(_ARABIC_STOP_WORDS).split() for form in (word, f"و{word}", f"ف{word}")
) | frozenset(_ENGLISH_STOP_WORDS.split())
"""Folded stop words of both languages; the Arabic ones also after و and ف."""


# The words that two sentences share

_PREFIXES = ("وال", "بال", "فال", "كال", "ولل", "لل", "ال")
_SHORTEST_CONTENT = 3
_STEM = 5
"""Letters of a stem. Crude, but it matches التدريب with تدريبية and withdraw with withdrawal."""
_STOP = frozenset(
    fold_text(
        "من في على إلى عن ما ماذا متى أين كم كيف لماذا هل هو هي التي الذي كان كانت أي أو أن إن لم لا قد "
        "the of and in to a an is was were are be by for on at with what who whom whose when where why how which "
        "did do does many much it its that this"
    ).split()
)


def content_words(text: str) -> frozenset[str]:
    """Return the stems of the words of `text` that are not stop words."""
    words = (word for word in _WORD.findall(fold_text(text)) if word not in _STOP)
    return frozenset(_without_prefix(word)[:_STEM] for word in words)


def _without_prefix(word: str) -> str:
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= _SHORTEST_CONTENT:
            return word[len(prefix) :]
    return word
