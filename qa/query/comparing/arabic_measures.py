"""Parse the attribute that an Arabic clause compares, and its sub-question: «أطول», «أكثر سكانا», «افتتح أولا»."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qa.query.comparing.model import AMOUNT, DATE, NUMBER, Attribute, as_question
from qa.units import Dimension

_LENGTHS: tuple[Dimension, ...] = ("length", "duration", "number")
_YEARS: tuple[Dimension, ...] = ("duration", "number", "date")


@dataclass(frozen=True)
class _Adjective:
    """A comparative (folded) that is measured, its opposite, and templates of sub-questions.

    `nouns` name what is measured, the first as it is asked for.
    """

    greater: str
    less: str
    dimensions: tuple[Dimension, ...]
    templates: tuple[str, ...]
    nouns: str
    earliest: bool = False


_ADJECTIVES = (
    _Adjective("اطول", "اقصر", _LENGTHS, ("كم طول {thing}؟", "كم مدة {thing}؟"), "طول مده"),
    _Adjective("اعلي", "ادني اخفض", AMOUNT, ("كم ارتفاع {thing}؟",), "ارتفاع علو"),
    _Adjective("اعمق", "", ("length", "number"), ("كم عمق {thing}؟",), "عمق"),
    _Adjective("اعرض", "اضيق", ("length", "number"), ("كم عرض {thing}؟",), "عرض"),
    _Adjective("اوسع", "", ("area", "number"), ("كم مساحة {thing}؟",), "مساحة"),
    _Adjective("اثقل", "اخف", ("weight", "number"), ("كم وزن {thing}؟",), "وزن"),
    _Adjective("اقدم", "احدث", _YEARS, ("متى بني {thing} أو تأسس؟", "كم عمر {thing}؟"), "قدم", earliest=True),
    _Adjective("اكبر_سنا اكبر_عمرا", "اصغر_سنا اصغر_عمرا", _YEARS, ("كم عمر {thing}؟", "متى ولد {thing}؟"), "عمر سن",
               earliest=True),
    _Adjective("اغلي", "ارخص", ("money", "number"), ("كم سعر {thing}؟", "بكم {thing}؟"), "سعر ثمن كلفه تكلفه اجره"),
    _Adjective("اسرع", "ابطا", ("speed",), ("كم سرعة {thing}؟",), "سرعة"),
    _Adjective("احر اسخن ادفا", "ابرد", ("temperature", "number"), ("كم درجة الحرارة في {thing}؟",), "حرارة"),
    _Adjective("ابعد", "اقرب", ("length", "duration", "number"), ("كم يبعد {thing}؟",), "بعد"),
)  # fmt: skip
_BY_WORD = {
    word.replace("_", " "): (adjective, greatest)
    for adjective in _ADJECTIVES
    for words, greatest in ((adjective.greater, True), (adjective.less, False))
    for word in words.split()
}
_BY_NOUN = {noun.replace("ة", "ه"): adjective for adjective in _ADJECTIVES for noun in adjective.nouns.split()}
_ALONE = "|".join(sorted((word for word in _BY_WORD if " " not in word), key=len, reverse=True))
DEGREES = {
    **dict.fromkeys(("اكثر", "اكبر", "اعلي", "اطول", "اغلي", "اوسع"), True),
    **dict.fromkeys(("اقل", "اصغر", "ادني", "اقصر", "ارخص"), False),
}
"""Comparatives that take a noun («أكثر سكانا»), and whether the greatest is asked for."""
ANY_DEGREE = "|".join(DEGREES)
ALONE = _ALONE
COMPARATIVE = rf"(?:ال)?(?P<word>{_ALONE}|{ANY_DEGREE})"
AUXILIARY = r"(?:هو |هي |كان |كانت |يعد |تعد |يكون |تكون )?"
_PREPOSITIONS = "في|من|علي|الي|عن|بين|خلال|عند|لدي|بعد|قبل"
_WORD = rf"(?!(?:{_PREPOSITIONS})\b)\w+"
_NOUN = rf"(?P<noun>{_WORD}(?: {_WORD})?)"
REST = rf"(?P<rest> (?:{_PREPOSITIONS}|سنه|عام) .+)?"
_EARLIER = r"(?P<early>اولا|ابكر|اسبق|قبل (?:الاخر|الاخري|الاخرين|غيره|غيرها|سواه|سواها))"
_LATER = r"(?P<late>اخرا|لاحقا|متاخرا|بعد (?:الاخر|الاخري|الاخرين|غيره|غيرها))"
_THAN_OTHERS = r"(?: من (?:غيره|غيرها|سواه|سواها|الاخر|الاخري|الاخرين))?"
_AMOUNT_OF = r"(?:عدد|قدر|كميه)"
_POSSESSIVE = re.compile(r"(?:فيها|فيه|لها|له|لديها|لديه|بها|به|عندها|عنده)")
_MAX_VERB_WORDS = 4


def attribute_of(clause: str) -> Attribute | None:
    """Return what a clause without its subject compares; `None` if that is unclear."""
    clause = re.sub(rf"^{AUXILIARY}", "", " ".join(clause.split()))
    rules = (_adjective, _specified, _when, _counted, _lasted)
    return next((found for rule in rules if (found := rule(clause))), None)


def of_adjective(word: str, rest: str = "") -> Attribute | None:
    """Return the attribute of a comparative; `rest` follows it in the question."""
    adjective, greatest = _BY_WORD[word]
    if (adjective.nouns == "بعد") != bool(re.match(r" (?:عن|من|الي) ", rest)):
        return None
    item = re.fullmatch(r" في (?P<item>.+)", rest)
    if adjective.nouns.startswith("سعر") and item:
        # «أيهما أرخص في الفليفلة»: the price is that of what is sold there.
        question = as_question(f"كم سعر {item['item']} في {{thing}}؟", adjective.dimensions, greatest)
        return Attribute(f"ال{word}", (question,), item["item"].split()[0].removeprefix("ال"))
    questions = [
        as_question(f"{template[:-1]}{rest}؟", adjective.dimensions, greatest, adjective.earliest)
        for template in adjective.templates
    ]
    return Attribute(f"ال{word}", tuple(questions))


def of_degree(word: str, noun: str | None) -> Attribute | None:
    """Return the attribute of a comparative with or without its noun: «أطول», «أكثر سكانا»."""
    if noun:
        return _of_specified(word, noun) if word in DEGREES else None
    return of_adjective(word) if word in _BY_WORD else None


def of_noun(noun: str, greatest: bool = True) -> Attribute:
    """Return the attribute of what is measured: «طول», «عدد سكان», «سعر الخيار في»."""
    words = noun.replace("ة", "ه").replace("أ", "ا").removeprefix("ال").split()
    adjective = _BY_NOUN.get(words[0])
    counted = words[1] if words[0] == "عدد" and len(words) > 1 else ""
    dimensions = adjective.dimensions if adjective else NUMBER if counted else AMOUNT
    # The item of «سعر الخيار في» must be where its price is.
    item = words[1] if len(words) > 1 and not counted else ""
    return Attribute(noun, (as_question(f"كم {noun} {{thing}}؟", dimensions, greatest),), counted or item)


def of_places(clause: str, place: str) -> Attribute | None:
    """Return what is compared between places: «كان الخيار أغلى», «سمن أكثر»."""
    clause = re.sub(rf"^{AUXILIARY}", "", " ".join(clause.split()))
    match = re.fullmatch(rf"(?P<noun>\w+(?: ال\w+)?) (?P<word>اكثر|اقل|{_ALONE}){_THAN_OTHERS}", clause)
    if match is None:
        return None
    noun, word = match["noun"], match["word"]
    if word in ("اكثر", "اقل"):
        question = as_question(f"كم {noun} {place} {{thing}}؟", AMOUNT, DEGREES[word])
        return Attribute(f"{noun} {word}", (question,), noun.removeprefix("ال"))
    adjective, greatest = _BY_WORD[word]
    measure = adjective.nouns.split()[0]
    question = as_question(f"كم {measure} {noun} {place} {{thing}}؟", adjective.dimensions, greatest)
    return Attribute(f"ال{word}", (question,), noun.removeprefix("ال"))


def without_case_ending(noun: str) -> str:
    """Return a folded noun without the alif of its tanwin: سكانا is سكان."""
    return noun[:-1] if noun.endswith("ا") and len(noun) > 2 else noun


def _adjective(clause: str) -> Attribute | None:
    match = re.fullmatch(rf"(?:ال)?(?P<word>{_ALONE}){_THAN_OTHERS}{REST}", clause)
    return of_adjective(match["word"], match["rest"] or "") if match else None


def _specified(clause: str) -> Attribute | None:
    """Return the attribute of a comparative with its noun: «أكثر سكانا», «أكبر مساحة», «أكبر سنا»."""
    match = re.fullmatch(rf"(?:ال)?(?P<word>{ANY_DEGREE}) (?!{_AMOUNT_OF}\b){_NOUN}{_THAN_OTHERS}{REST}", clause)
    return _of_specified(match["word"], match["noun"], match["rest"] or "") if match else None


def _of_specified(word: str, noun: str, rest: str = "") -> Attribute | None:
    if noun.startswith("ال"):
        return None
    if f"{word} {noun}" in _BY_WORD:
        return of_adjective(f"{word} {noun}", rest)
    bare = " ".join(map(without_case_ending, noun.split()))
    wording = f"ال{word} {noun}"
    if adjective := _BY_NOUN.get(bare):
        questions = [as_question(f"{t[:-1]}{rest}؟", adjective.dimensions, DEGREES[word]) for t in adjective.templates]
        return Attribute(wording, tuple(questions), bare)
    count = "عدد " if word in ("اكثر", "اقل") else ""
    question = as_question(f"كم {count}{bare} {{thing}}{rest}؟", NUMBER if count else AMOUNT, DEGREES[word])
    return Attribute(wording, (question,), bare)


def _when(clause: str) -> Attribute | None:
    """Return the attribute of «افتتح أولا», «تعود رحلته أبكر من غيره»."""
    match = re.fullmatch(rf"(?P<verb>.+?) (?:{_EARLIER}|{_LATER}){_THAN_OTHERS}{REST}", clause)
    if match is None or len(match["verb"].split()) > _MAX_VERB_WORDS:
        return None
    words = match["verb"].split()
    if len(words) > 1:
        # «تعود رحلته» is «تعود رحلة …», so that the thing can follow.
        words[-1] = re.sub(r"(?<=\w\w)ت(?:ها|ه)$", "ة", words[-1])
        words[-1] = re.sub(r"(?<=\w\w\w)(?:ها|ه)$", "", words[-1])
    template = f"متى {' '.join(words)} {{thing}}{match['rest'] or ''}؟"
    wording = f"{match['verb']} {match['early'] or match['late']}"
    return Attribute(wording, (as_question(template, DATE, greatest=bool(match["late"])),))


def _counted(clause: str) -> Attribute | None:
    """Return the attribute of «جمعت كتبا أكثر», «جمعت أكبر عدد من الكتب», «سجلت أعلى درجة حرارة», «كلف أكثر»."""
    degree = rf"(?P<more>{ANY_DEGREE})"
    match = (
        re.fullmatch(rf"(?P<verb>.+?) {degree} {_AMOUNT_OF} من (?P<noun>\w+){REST}", clause)
        or re.fullmatch(rf"(?P<verb>.+?) {_AMOUNT_OF}ا? {degree} من (?P<noun>\w+){REST}", clause)
        or re.fullmatch(rf"(?P<verb>\w+) {_NOUN} {degree}{_THAN_OTHERS}{REST}", clause)
        or re.fullmatch(rf"(?P<verb>\w+) {degree} {_NOUN}{REST}", clause)
    )
    if match:
        verb, noun, more = match["verb"], match["noun"], match["more"]
        place = "في" if _POSSESSIVE.fullmatch(verb) else verb
        question = as_question(f"كم {noun} {place} {{thing}}{match['rest'] or ''}؟", AMOUNT, DEGREES[more])
        return Attribute(f"{noun} {more}", (question,), without_case_ending(noun.removeprefix("ال")))
    match = re.fullmatch(rf"(?P<verb>\w+) (?P<more>اكثر|اقل){_THAN_OTHERS}{REST}", clause)
    if match is None:
        return None
    question = as_question(f"كم {match['verb']} {{thing}}{match['rest'] or ''}؟", AMOUNT, DEGREES[match["more"]])
    return Attribute(f"{match['verb']} {match['more']}", (question,))


def _lasted(clause: str) -> Attribute | None:
    """Return the attribute of «يستغرق وقتا أطول»."""
    time = r"(?:مده |وقتا |زمنا |فتره )?"
    match = re.fullmatch(rf"(?P<verb>\w+) {time}(?P<word>اطول|اقصر)(?: مده| وقتا)?{_THAN_OTHERS}{REST}", clause)
    if match is None:
        return None
    question = as_question(f"كم {match['verb']} {{thing}}{match['rest'] or ''}؟", _LENGTHS, match["word"] == "اطول")
    return Attribute(f"{match['verb']} {match['word']}", (question,))
