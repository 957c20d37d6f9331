"""Parse the numbers in a text, in digits or in words, in Arabic or English: ٣ is 3, ثلاثة and three are 3.

Words can be ambiguous: "third" is 3 or one in three, خمس five or a fifth. So each number mention has a set of readings,
and the possible values of a text are all of them together, with the parts of compound numbers: a claim is supported if
one of its readings is a possible value of the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from index.text.folding import fold_text

Reading = frozenset[Fraction]

_TOKEN = re.compile(r"\d+(?:[.,٫٬]\d+)*|[^\W\d_]+")
_GROUPED = re.compile(r"\d{1,3}(?:[,٬]\d{3})+(?:[.٫]\d+)?")
_CLITICS = re.compile(r"^(?:و|ف)?(?:بال|لل|ال|ب|ل|ك)?")
_DUAL = re.compile(r"[^\W\d_]{2,}(?:تان|تين|ان|ين)$")
"""An Arabic dual: جولتان are two rounds. A plural in ين looks the same, so it is only a *possible* two."""

# All folded (index/text/folding.py). Words of one line are consecutive numbers: (first, step, words).
_CARDINALS: tuple[tuple[int, int, str], ...] = (
    (2, 1, "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
           "eighteen nineteen"),
    (20, 10, "twenty thirty forty fifty sixty seventy eighty ninety"),
    (2, 1, "اثنان ثلاثه اربعه خمسه سته سبعه ثمانيه تسعه عشره"),
    (2, 1, "اثنين ثلاث اربع خمس ست سبع ثماني تسع عشر"),
    (2, 1, "اثنتان ثلاثه اربعه خمسه سته سبعه ثمان تسعه عشره"),
    (2, 1, "اثنتين"),
    (20, 10, "عشرون ثلاثون اربعون خمسون ستون سبعون ثمانون تسعون"),
    (20, 10, "عشرين ثلاثين اربعين خمسين ستين سبعين ثمانين تسعين"),
)  # fmt: skip
_TEN_OF_TEENS = {"عشر", "عشره"}
"""خمسة عشر: five and ten, without و."""
_ELEVENTH = {"حادي", "حاديه"}
_PERCENT = re.compile(r"(?<!\w)(?:ب|في )ال(?:ميه|مايه)(?!\w)")
_TEEN_UNITS = {"احد": 1, "احدي": 1, "اثنا": 2, "اثني": 2, "اثنتا": 2, "اثنتي": 2}
_TWO_HUNDRED = ("ميتان", "ميتين", "ميتا", "ميتي", "مايتان", "مايتين")
_SCALES = {
    "hundred": 100, "hundreds": 100, "ميه": 100, "مايه": 100, "dozen": 12, "dozens": 12, "thousand": 1000,
    "thousands": 1000, "الف": 1000, "الاف": 1000, "الفا": 1000, "million": 10**6, "millions": 10**6, "مليون": 10**6,
    "ملايين": 10**6, "مليونا": 10**6, "billion": 10**9, "billions": 10**9, "مليار": 10**9, "مليارات": 10**9,
    "مليارا": 10**9, "بليون": 10**9, "trillion": 10**12, "تريليون": 10**12,
}  # fmt: skip
_DUAL_VALUES = {
    **dict.fromkeys(_TWO_HUNDRED, 200), "الفان": 2000, "الفين": 2000, "الفي": 2000, "مليونان": 2 * 10**6,
    "مليونين": 2 * 10**6, "مليوني": 2 * 10**6, "ملياران": 2 * 10**9, "مليارين": 2 * 10**9, "ملياري": 2 * 10**9,
}  # fmt: skip
_ORDINALS = {
    word: Fraction(number)
    for first, words in (
        (2, "second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
            "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"),
        (2, "ثاني ثالث رابع خامس سادس سابع ثامن تاسع عاشر"),
        (2, "ثانيه ثالثه رابعه خامسه سادسه سابعه ثامنه تاسعه عاشره"),
    )
    for number, word in enumerate(words.split(), first)
}  # fmt: skip
_FRACTIONS = {
    "half": Fraction(1, 2), "نصف": Fraction(1, 2), "third": Fraction(1, 3), "ثلث": Fraction(1, 3),
    "ثلثا": Fraction(2, 3), "ثلثي": Fraction(2, 3), "ثلثان": Fraction(2, 3), "ثلثين": Fraction(2, 3),
    "quarter": Fraction(1, 4), "ربع": Fraction(1, 4), "fifth": Fraction(1, 5), "خمس": Fraction(1, 5),
    "sixth": Fraction(1, 6), "سدس": Fraction(1, 6), "eighth": Fraction(1, 8), "tenth": Fraction(1, 10),
    "عشر": Fraction(1, 10),
}  # fmt: skip
_FRACTION_PLURALS = {
    "thirds": 3, "quarters": 4, "fifths": 5, "sixths": 6, "eighths": 8, "tenths": 10, "ارباع": 4, "اخماس": 5,
    "اثلاث": 3, "اسداس": 6, "اعشار": 10,
}  # fmt: skip
_CONJUNCTIONS = {"and", "و"}
_ARTICLES = {"a", "an"}


@dataclass(frozen=True)
class NumberMention:
    """A number at `folded[start:end]`, all its readings, and the numbers that its words mean one by one."""

    start: int
    end: int
    readings: Reading
    parts: Reading


@dataclass(frozen=True)
class _Word:
    start: int
    end: int
    text: str
    after_and: bool
    """Set if و or "and" precedes it."""
    digits: bool


def parse_numbers(text: str) -> list[NumberMention]:
    """Return the numbers of a text in order; "one" is left out, as it often does not count anything."""
    words = list(_words(_folded(text)))
    mentions, at = [], 0
    while at < len(words):
        mention, at = _number_at(words, at)
        if mention and mention.readings != {Fraction(1)}:
            mentions.append(mention)
    return mentions


def possible_values(text: str) -> Reading:
    """Return every number that a text may mean."""
    mentions = parse_numbers(text)
    values = {number for mention in mentions for number in mention.readings | mention.parts}
    if any(_DUAL.match(token) for token in _TOKEN.findall(_folded(text))):
        values.add(Fraction(2))
    return frozenset(values)


def _folded(text: str) -> str:
    """Fold a text, and mask بالمئة, which is not a hundred."""
    return _PERCENT.sub(lambda match: "%" * len(match.group()), fold_text(text))


def _words(folded: str) -> Iterator[_Word]:
    after_and = False
    for match in _TOKEN.finditer(folded):
        text = match.group()
        if text in _CONJUNCTIONS or text in _ARTICLES:
            after_and = after_and or text in _CONJUNCTIONS
            continue
        digits = text[0].isdigit()
        bare = text if digits or _is_number_word(text) else _without_clitics(text)
        conjunction = after_and or (not digits and text.startswith("و") and bare != text)
        yield _Word(match.start(), match.end(), bare, conjunction, digits)
        after_and = False


def _without_clitics(word: str) -> str:
    """Return a number word without its clitics; any other word unchanged."""
    for rest in (word[1:], word.removeprefix("ال"), _CLITICS.sub("", word)):
        if _is_number_word(rest) and word != rest and word[0] in "وفبلكا":
            return rest
    return word


@cache
def _is_number_word(word: str) -> bool:
    return (
        word in _units() or word in _TEEN_UNITS or word in _SCALES or word in _DUAL_VALUES or word in _ORDINALS
        or word in _FRACTIONS or word in _FRACTION_PLURALS or word in _TEN_OF_TEENS or word in _ELEVENTH
    )  # fmt: skip


@cache
def _units() -> dict[str, int]:
    """Words for numbers below a hundred, and the hundreds that Arabic writes as one word (ثلاثمئة)."""
    counted = {word: first + step * n for first, step, line in _CARDINALS for n, word in enumerate(line.split())}
    stems = {"ثلاث": 3, "اربع": 4, "خمس": 5, "ست": 6, "سبع": 7, "ثمان": 8, "ثماني": 8, "تسع": 9}
    hundreds = {f"{stem}{end}": 100 * n for stem, n in stems.items() for end in ("ميه", "مايه")}
    return {**counted, **hundreds, "one": 1, "واحد": 1, "واحده": 1}


def _number_at(words: Sequence[_Word], at: int) -> tuple[NumberMention | None, int]:
    """Return the number that begins at a word, if any, and the position after it."""
    first = words[at]
    single = _ordinal_or_fraction(first)
    ordinal = _two_word_ordinal(words, at)
    if ordinal:
        return NumberMention(first.start, words[at + 1].end, frozenset({ordinal}), frozenset({ordinal})), at + 2
    value, parts, after = _compound(words, at)
    if value is None:
        return (NumberMention(first.start, first.end, single, single), at + 1) if single else (None, at + 1)
    if after < len(words) and words[after].text in _FRACTION_PLURALS and not words[after].after_and:
        fraction = Fraction(value) / _FRACTION_PLURALS[words[after].text]
        return NumberMention(first.start, words[after].end, frozenset({fraction}), frozenset({fraction})), after + 1
    if after < len(words) and words[after].after_and and words[after].text in _FRACTIONS:
        # Three and a half; but "خمسة ونصف" may also be five of one thing and half of another.
        mixed = value + _FRACTIONS[words[after].text]
        both = frozenset({mixed, value})
        return NumberMention(first.start, words[after].end, both, both | {_FRACTIONS[words[after].text]}), after + 1
    readings = frozenset({value}) | (single if after == at + 1 else frozenset())
    return NumberMention(first.start, words[after - 1].end, readings, frozenset(parts) | readings), after


def _two_word_ordinal(words: Sequence[_Word], at: int) -> Fraction | None:
    """An ordinal of two words: الخامس والعشرون and "twenty-fifth" are the 25th, الثاني عشر is the 12th."""
    if at + 1 >= len(words):
        return None
    first, second = words[at], words[at + 1]
    unit = _ORDINALS.get(first.text) or (Fraction(1) if first.text in _ELEVENTH else None)
    if unit and unit < 10 and second.after_and and _is_tens(second):
        return unit + _units()[second.text]
    if unit and unit < 10 and second.text in _TEN_OF_TEENS and not second.after_and:
        return unit + 10
    if _is_tens(first) and second.text.isascii() and _ORDINALS.get(second.text, 10) < 10:
        return _units()[first.text] + _ORDINALS[second.text]
    return None


def _ordinal_or_fraction(word: _Word) -> Reading:
    """Return the readings of an ordinal or a fraction."""
    return frozenset(table[word.text] for table in (_ORDINALS, _FRACTIONS) if word.text in table)


def _compound(words: Sequence[_Word], at: int) -> tuple[Fraction | None, list[Fraction], int]:
    """Return the cardinal that begins at a word: its value, the values of its words, and the position after it."""
    total, group = Fraction(0), Fraction(0)
    parts: list[Fraction] = []
    start = at
    while at < len(words):
        word = words[at]
        value = _cardinal(words, at)
        scale = _SCALES.get(word.text)
        if scale and (group or not parts) and not (word.after_and and at > start):
            # "thousands of" is not a number.
            if not group and word.text.endswith("s"):
                break
            group = max(group, Fraction(1)) * scale
            if scale > 100:
                total, group = total + group, Fraction(0)
            parts.append(group or total)
        elif scale and word.after_and and at > start and scale < (group or total):
            group += scale
            parts.append(Fraction(scale))
        elif value is None or (at > start and not _continues(total, group, value, words, at)):
            break
        elif value >= 1000 and value in _DUAL_VALUES.values():
            total += value
            parts.append(value)
        else:
            group += value
            parts.append(value)
        at += 1
    return (total + group if parts else None), parts, max(at, start + 1)


def _cardinal(words: Sequence[_Word], at: int) -> Fraction | None:
    word = words[at]
    if word.digits:
        return _parse_digits(word.text)
    if word.text in _TEEN_UNITS:
        follows = at + 1 < len(words) and words[at + 1].text in _TEN_OF_TEENS
        return Fraction(_TEEN_UNITS[word.text]) if follows else None
    value = _DUAL_VALUES.get(word.text) or _units().get(word.text)
    return Fraction(value) if value else None


def _continues(total: Fraction, group: Fraction, value: Fraction, words: Sequence[_Word], at: int) -> bool:
    """Return whether a number continues with the word at `at`: "twenty-five", خمسة وعشرون, خمسة عشر, ألف وتسعمئة."""
    word = words[at]
    if _is_teen(words, at):
        return True
    if word.digits:
        return bool(total) and not group and word.after_and and value < 1000
    if not group:
        return bool(total) and value < 1000
    if group < 10 and value in range(20, 100, 10):
        return word.after_and
    if group % 100 == 0:
        return value < 100 and (word.after_and or word.text.isascii())
    if group % 100 >= 20 and group % 10 == 0:
        return value < 10 and word.text.isascii() and not word.after_and
    return group % 100 < 10 and value in range(20, 100, 10) and word.after_and


def _is_tens(word: _Word) -> bool:
    return _units().get(word.text, 0) in range(20, 100, 10)


def _is_teen(words: Sequence[_Word], at: int) -> bool:
    previous = words[at - 1] if at else None
    if previous is None or words[at].text not in _TEN_OF_TEENS or words[at].after_and:
        return False
    return previous.text in _TEEN_UNITS or _units().get(previous.text, 10) < 10


def _parse_digits(text: str) -> Fraction:
    if _GROUPED.fullmatch(text):
        return Fraction(re.sub(r"[,٬]", "", text).replace("٫", "."))
    # A comma that does not separate thousands is a decimal one; two points or more are a date or a version.
    parts = re.split(r"[.,٫٬]", text)
    return Fraction(".".join(parts)) if len(parts) == 2 else Fraction(parts[0])
