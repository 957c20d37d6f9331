"""Questions as people type them, made of well-written Arabic ones by rules: slips, dialects, two languages, Arabizi.

`WAYS` has a function for each way: a question and a source of chance in, the question as somebody might type it out.
The rules were written before what `qa/` knows of any of this; still they are rules, and people are worse.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

from index.text.folding import fold_text
from index.text.words import STOP_WORDS

Way = Callable[[str, random.Random], str]

_WORD = re.compile(r"[^\W\d_\u064b-\u0652]+")
_MARKS = re.compile(r"[\u064b-\u0652\u0670\u0640]")
_CARELESS = str.maketrans("أإآٱةىؤئ", "اااا" + "هيوي")
_KEYBOARD = ("ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤر ىةوزظ")
_SHORTEST = 4
"""Letters of a word that is mistyped."""

Phrases = dict[str, Sequence[str]]

# What is said at the head of a question, and what is said anywhere; the first that fits is taken, longest first.
_LEVANTINE: tuple[Phrases, Phrases] = (
    {
        "ما هو": ["شو هو", "شو"], "ما هي": ["شو هي", "شو"], "ماذا": ["شو"], "ما": ["شو"], "من هو": ["مين هو", "مين"],
        "من هي": ["مين هي", "مين"], "من": ["مين"], "متى": ["إمتى", "ايمتى"], "أين": ["وين"], "لماذا": ["ليش"],
        "كم عدد": ["قديش عدد", "كم"], "كم": ["قديش", "كم"], "هل": [""], "بماذا": ["بشو"], "لمن": ["لمين"],
    },
    {
        "الذي": ["اللي"], "التي": ["اللي"], "الذين": ["اللي"], "ماذا": ["شو"], "ليس": ["مش"], "أيضا": ["كمان"],
        "في": ["ب"], "على": ["ع"], "هذا": ["هاد"], "هذه": ["هاي"], "منذ": ["من"],
    },
)  # fmt: skip
_EGYPTIAN: tuple[Phrases, Phrases] = (
    {
        "ما هو": ["إيه هو", "ايه"], "ما هي": ["إيه هي", "ايه"], "ماذا": ["ايه اللي", "ايه"], "ما": ["ايه"],
        "من هو": ["مين هو"], "من هي": ["مين هي"], "من": ["مين", "مين اللي"], "متى": ["امتى", "إمتى"], "أين": ["فين"],
        "لماذا": ["ليه"], "كم عدد": ["كام عدد", "كام"], "كم": ["كام"], "كيف": ["ازاي", "إزاي"], "هل": ["هو"],
        "بماذا": ["بإيه"], "لمن": ["لمين"],
    },
    {
        "الذي": ["اللي"], "التي": ["اللي"], "الذين": ["اللي"], "ماذا": ["ايه"], "ليس": ["مش"], "أيضا": ["كمان"],
        "أي": ["أنهي"], "هذا": ["ده"], "هذه": ["دي"], "منذ": ["من"],
    },
)  # fmt: skip
_GULF: tuple[Phrases, Phrases] = (
    {
        "ما هو": ["وش هو", "شنو"], "ما هي": ["وش هي", "شنو"], "ماذا": ["ايش", "شنو"], "ما": ["وش", "ايش"],
        "من هو": ["منو هو", "منو"], "من هي": ["منو هي", "منو"], "من": ["منو", "مين"], "متى": ["متى"], "أين": ["وين"],
        "لماذا": ["ليش"], "كم عدد": ["كم عدد", "جم عدد"], "كم": ["كم", "جم"], "كيف": ["شلون"], "هل": [""],
        "بماذا": ["بايش"], "لمن": ["حق منو"],
    },
    {
        "الذي": ["اللي"], "التي": ["اللي"], "الذين": ["اللي"], "ماذا": ["شنو"], "ليس": ["مو"], "أيضا": ["بعد"],
        "في": ["ب"], "هذه": ["هاذي"], "منذ": ["من"],
    },
)  # fmt: skip
_ENGLISH: tuple[Phrases, Phrases] = (
    {
        "ما هو": ["what is"], "ما هي": ["what is", "what are"], "ماذا": ["what"], "ما": ["what is", "what"],
        "من هو": ["who is"], "من هي": ["who is"], "من": ["who"], "متى": ["when"], "أين": ["where"], "لماذا": ["why"],
        "كم عدد": ["how many"], "كم": ["how many", "how much"], "كيف": ["how"], "هل": ["did"], "أي": ["which"],
    },
    {
        "في": ["in"], "من": ["from", "of"], "على": ["on"], "إلى": ["to"], "عن": ["about"], "الذي": ["that"],
        "التي": ["that"], "ماذا": ["what"], "أي": ["which"], "بعد": ["after"], "قبل": ["before"], "مع": ["with"],
    },
)  # fmt: skip
_ATTACHED = frozenset("بع")
"""What is written onto the next word."""


def as_it_is(question: str, _: random.Random) -> str:
    return question


def careless(question: str, _: random.Random) -> str:
    """Without hamzas, taa marbuta and tashkeel, as most people type."""
    return _MARKS.sub("", question).translate(_CARELESS)


def typos(words: int) -> Way:
    """So many content words mistyped: two letters swapped, one left out, doubled, or a neighbour on the keyboard."""

    def mistyped(question: str, chance: random.Random) -> str:
        found = [m for m in _WORD.finditer(question) if len(m.group()) >= _SHORTEST]
        found = [match for match in found if fold_text(match.group()) not in STOP_WORDS]
        for match in sorted(chance.sample(found, min(words, len(found))), key=lambda m: -m.start()):
            question = question[: match.start()] + _mistyped(match.group(), chance) + question[match.end() :]
        return question

    return mistyped


def _mistyped(word: str, chance: random.Random) -> str:
    # Neither of the article, nor of the first letter: people see those.
    at = chance.randrange(3 if word.startswith("ال") and len(word) > _SHORTEST else 1, len(word))
    before, letter, after = word[:at], word[at], word[at + 1 :]
    neighbours = [n for row in _KEYBOARD for n in _beside(row, letter)]
    changed = {
        "swapped": before[:-1] + letter + before[-1] + after,
        "dropped": before + after,
        "doubled": before + letter * 2 + after,
        "neighbour": before + (chance.choice(neighbours) if neighbours else letter * 2) + after,
    }
    if before[-1] == letter:
        del changed["swapped"]
    return changed[chance.choice(sorted(changed))]


def _beside(row: str, letter: str) -> list[str]:
    at = row.find(letter)
    return [row[i] for i in (at - 1, at + 1) if at >= 0 and 0 <= i < len(row) and row[i] != " "]


def said_otherwise(head: Phrases, anywhere: Phrases) -> Way:
    """Question words and prepositions of another way of speaking; the rest stays."""

    def way(question: str, chance: random.Random) -> str:
        said = _MARKS.sub("", question)
        for phrase in sorted(head, key=len, reverse=True):
            if re.match(rf"{phrase}(?!\w)", said):
                said = f"{chance.choice(head[phrase])}{said[len(phrase) :]}".strip()
                break
        else:
            said = _replaced(said, {k: v for k, v in head.items() if k not in ("من", "ما")}, chance)
        return _replaced(said, anywhere, chance)

    return way


def _replaced(text: str, phrases: Phrases, chance: random.Random) -> str:
    for phrase in sorted(phrases, key=len, reverse=True):

        def other(match: re.Match[str], choices: Sequence[str] = phrases[phrase]) -> str:
            chosen = chance.choice(choices)
            return chosen if chosen in _ATTACHED else chosen + match.group(1)

        text = re.sub(rf"(?<!\w){phrase}(\s+|$|(?=\W))", other, text)
    return text


# Arabizi

_LONG = {"ا": ["a", "aa"], "آ": ["a", "aa"], "و": ["oo", "ou", "o", "u"], "ي": ["i", "ee", "e"], "ى": ["a"]}
_WRITTEN = {
    "ب": ["b"], "ت": ["t"], "ث": ["th", "s", "t"], "ج": ["j", "g"], "ح": ["7", "7", "7", "h"], "خ": ["5", "kh", "7'"],
    "د": ["d"], "ذ": ["th", "z", "d"], "ر": ["r"], "ز": ["z"], "س": ["s"], "ش": ["sh", "sh", "ch"], "ص": ["s", "9"],
    "ض": ["d", "9'", "dh"], "ط": ["t", "6"], "ظ": ["z", "6'", "th"], "ع": ["3"], "غ": ["gh", "8", "3'"], "ف": ["f"],
    "ق": ["q", "2", "k", "8"], "ك": ["k"], "ل": ["l"], "م": ["m"], "ن": ["n"], "ه": ["h"], "ء": ["2"], "ؤ": ["2"],
    "ئ": ["2", "2", "y"], "أ": ["a"], "إ": ["i", "e"], "ٱ": ["a"], "پ": ["p"], "ڤ": ["v"], "چ": ["ch"], "گ": ["g"],
    "ة": ["a", "eh", "ah", "e"],
}  # fmt: skip
_VOWELS = "aaaaaeeiiou"
_ARTICLE = ["el ", "al ", "il ", "el-", "al", "el"]
_NO_VOWEL = 0.35
"""How often no vowel is written where two consonants meet."""
_SMALL = {
    "في": ["fi", "fe"], "من": ["min", "mn"], "على": ["3ala", "3la"], "إلى": ["ela", "ila"], "عن": ["3an", "3n"],
    "ما": ["ma"], "ماذا": ["matha", "maza"], "متى": ["mata"], "أين": ["ayn", "wein"], "كم": ["kam"], "هل": ["hal"],
    "كيف": ["kif", "keef"], "لماذا": ["limatha", "lesh"], "هو": ["howa", "hoa"], "هي": ["heya", "hia"],
    "التي": ["allati", "elli"], "الذي": ["allathi", "elli"], "أي": ["ay", "ayy"], "أن": ["an", "en"],
    "كان": ["kan"], "كانت": ["kanat", "kant"], "و": ["w", "wa"], "مع": ["ma3"], "بعد": ["ba3d"],
    "قبل": ["2abl", "qabl"],
}  # fmt: skip


def arabizi(question: str, chance: random.Random) -> str:
    """In Latin letters and digits. One person writes a letter in one way, but vowels as they come."""
    habits = {letter: chance.choice(ways) for letter, ways in (_WRITTEN | {"article": _ARTICLE}).items()}
    said = _MARKS.sub("", question).replace("؟", "?").replace("،", ",").replace("؛", ";")
    return _WORD.sub(lambda match: _romanised(match.group(), habits, chance), said)


def _romanised(word: str, habits: dict[str, str], chance: random.Random) -> str:
    if not re.match(r"[\u0621-\u06d3]", word):
        return word
    if word in _SMALL:
        return chance.choice(_SMALL[word])
    before = ""
    if word.startswith("و") and word[1:3] == "ال":
        before, word = "w ", word[1:]
    for arabic, latin in (("بال", "bel "), ("لل", "lel "), ("ال", habits["article"])):
        if word.startswith(arabic) and len(word) > len(arabic) + 1:
            return before + latin + _letters(word[len(arabic) :], habits, chance)
    return before + _letters(word, habits, chance)


def _letters(word: str, habits: dict[str, str], chance: random.Random) -> str:
    out: list[str] = []
    after_vowel = True
    for at, letter in enumerate(word):
        following = word[at + 1] if at + 1 < len(word) else ""
        glides = letter in "وي" and (at == 0 or following in ("ا", "ة", "و", "ي") or word[at - 1] in "اآ")
        if letter in _LONG and not glides:
            out.append(chance.choice(_LONG[letter]))
            after_vowel = True
            continue
        if not after_vowel and letter != "ة" and chance.random() > _NO_VOWEL:
            out.append(chance.choice(_VOWELS))
        out.append(("w" if letter == "و" else "y") if letter in "وي" else habits.get(letter, letter))
        after_vowel = letter in "أإةٱ"
    return "".join(out)


WAYS: dict[str, Way] = {
    "as written": as_it_is,
    "hamzas and taa marbuta dropped": careless,
    "one word mistyped": typos(1),
    "two words mistyped": typos(2),
    "Levantine": said_otherwise(*_LEVANTINE),
    "Egyptian": said_otherwise(*_EGYPTIAN),
    "Gulf": said_otherwise(*_GULF),
    "English question words": said_otherwise(*_ENGLISH),
    "Arabizi": arabizi,
}
