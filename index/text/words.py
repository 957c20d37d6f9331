"""The words of a text as keyword matching sees them: folded, without clitics, cut to a stem.

    normalised("والمكتبات المدرسيّة ٢٠٢٢")  ==  ["مكتب", "مدرس", "2022"]

Arabic words lose their clitics and endings as Light10 takes them off (Larkey, Ballesteros and Connell, "Light
Stemming for Arabic Information Retrieval", in Arabic Computational Morphology, Springer 2007), and then ب ل ك ف.
Snowball's Arabic stemmer finds as much (`benchmarks/retrieval.py`), but there شركات does not meet شركة. English words
are stemmed by Snowball's English stemmer. Every step has a switch, so that what it earns can be measured.
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
"""A run of letters and digits; marks inside stay with it where they are not folded away."""
_THOUSANDS = re.compile(r"(?<=\d)[,٬](?=\d{3}(?!\d))")
_ARABIC = re.compile(r"[\u0620-\u064a\u066e-\u06d3]")
_LATIN = re.compile(r"[a-z]+")

_ALEFS = frozenset("أإآٱؤئ")
_ENDINGS = frozenset("ةى")
_MARKS = frozenset(map(chr, [*range(0x064B, 0x0653), 0x0670, 0x0640]))
_DIGITS = frozenset("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹")

_ARTICLES = ("وال", "بال", "كال", "فال", "ولل", "لل", "ال")
"""The article with what is written onto it, longest first. Light10's, and ولل, which it leaves out."""
_SUFFIXES = ("ها", "ان", "ات", "ون", "ين", "يه", "ية", "ه", "ة", "ي")
"""Light10's, in its order; each is taken off once."""
_SHORTEST = 2
"""Letters that Light10 leaves of a word."""
_SHORTEST_REST = 3
"""Letters left when و or a preposition is taken off."""
_PREPOSITIONS = frozenset("بلكف")


@dataclass(frozen=True)
class NormalizationSteps:
    """What is done to a word; all of it, but in measurements."""

    alefs: bool = True
    """أ إ آ ٱ are ا, and the carriers of a hamza are plain letters."""
    endings: bool = True
    """ة is ه and ى is ي."""
    marks: bool = True
    """Tashkeel and tatweel are left out."""
    digits: bool = True
    """٣ is 3, and 1,500 is 1500."""
    clitics: bool = True
    """و and the article, with the prepositions written onto it, are taken off."""
    prepositions: bool = True
    """ب ل ك ف without an article are taken off, last, where enough is left. No reader would take the ك of كتاب off;
    but it is taken off wherever the word stands, so that it still meets itself, and بكتاب and الكتاب too."""
    arabic: Literal["light10", "snowball", "none"] = "light10"
    """How the endings of Arabic words are taken off."""
    english: bool = True
    """English words are stemmed."""


ALL = NormalizationSteps()


def normalize_tokens(text: str, steps: NormalizationSteps = ALL) -> list[str]:
    """The words of `text` in order, stop words among them, each as it is indexed and looked up."""
    return [_normal(word, steps) for word in _tokens(text, steps)]


def query_tokens(text: str, steps: NormalizationSteps = ALL) -> dict[str, str]:
    """The words of `text` that say something, in order: each as it is spelt (folded) and normalised."""
    words = dict.fromkeys(word for word in _tokens(text, steps) if fold_text(word) not in STOP_WORDS)
    return {word: _normal(word, steps) for word in words}


def with_clitics(word: str) -> list[str]:
    """A folded word as it also stands in a text: with the conjunctions and prepositions that are written onto it."""
    if not _ARABIC.match(word):
        return [word]
    forms = [f"{preposition}{word}" for preposition in ("", "ب", "ل", "ك")]
    if word.startswith("ال"):
        forms[2] = f"ل{word[1:]}"
    return [f"{conjunction}{form}" for conjunction in ("", "و", "ف") for form in forms]


def _tokens(text: str, steps: NormalizationSteps) -> list[str]:
    spelt = _spelt(text, steps)
    return _TOKEN.findall(_THOUSANDS.sub("", spelt) if steps.digits else spelt)


def _spelt(text: str, steps: NormalizationSteps) -> str:
    kept = _kept(steps)
    if not kept:
        return fold_text(text)
    return "".join(character if character in kept else fold_character(character) for character in text)


@lru_cache(maxsize=32)
def _kept(steps: NormalizationSteps) -> frozenset[str]:
    """The characters that are not folded because their step is switched off."""
    switches = (
        (steps.alefs, _ALEFS),
        (steps.endings, _ENDINGS),
        (steps.marks, _MARKS),
        (steps.digits, _DIGITS),
    )
    return frozenset().union(*(characters for on, characters in switches if not on))


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
    """A folded word without و, the article, and what is written onto the article."""
    if word.startswith("و") and len(word) > _SHORTEST_REST:
        word = word[1:]
    for article in _ARTICLES:
        if word.startswith(article) and len(word) - len(article) >= _SHORTEST:
            return word[len(article) :]
    return word


def _without_preposition(word: str) -> str:
    # More than one, so that بكتاب comes to what كتاب does.
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

    # A stemmer keeps the word it is at, and several threads may be here: each has one of its own.
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
"""Folded words of both languages that say nothing by themselves; the Arabic ones also after و and ف."""


# The words that two sentences share

_PREFIXES = ("وال", "بال", "فال", "كال", "ولل", "لل", "ال")
_SHORTEST_CONTENT = 3
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
        if word.startswith(prefix) and len(word) - len(prefix) >= _SHORTEST_CONTENT:
            return word[len(prefix) :]
    return word
