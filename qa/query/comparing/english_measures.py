"""Parse the attribute that an English clause compares ("is longer", "had more voters"), and its sub-question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from index.text.words import STOP_WORDS
from qa.query.comparing.english_verbs import AUXILIARIES, BE, base_form, is_past
from qa.query.comparing.model import AMOUNT, DATE, NUMBER, Attribute, SubQuestion, as_question
from qa.units import Dimension, units_by_word

_LENGTHS: tuple[Dimension, ...] = ("length", "duration", "number")
_YEARS: tuple[Dimension, ...] = ("duration", "number", "date")


@dataclass(frozen=True)
class _Adjective:
    """An adjective that is measured: its comparatives and superlatives, and templates of sub-questions.

    In a template {be}, {does} and {are} stand for the verb in the question's tense. `nouns` name what is measured.
    """

    greater: str
    less: str
    dimensions: tuple[Dimension, ...]
    templates: tuple[str, ...]
    nouns: str = ""
    earliest: bool = False


_ADJECTIVES = (
    _Adjective("longer longest", "shorter shortest", _LENGTHS, ("How long {be} {thing}?",), "length duration"),
    _Adjective("taller tallest", "", ("length", "number"), ("How tall {be} {thing}?",), "height"),
    _Adjective("higher highest", "lower lowest", AMOUNT, ("How high {be} {thing}?",), "altitude elevation"),
    _Adjective("deeper deepest", "shallower shallowest", ("length", "number"), ("How deep {be} {thing}?",), "depth"),
    _Adjective("wider broader widest broadest", "narrower narrowest", ("length", "number"),
               ("How wide {be} {thing}?",), "width"),
    _Adjective("heavier heaviest", "lighter lightest", ("weight", "number"), ("How much {does} {thing} weigh?",),
               "weight"),
    _Adjective("older oldest elder eldest", "younger youngest", _YEARS,
               ("How old {be} {thing}?", "When was {thing} built or founded?", "When was {thing} born?"), "age",
               earliest=True),
    _Adjective("newer newest", "", DATE, ("When was {thing} built or founded?",)),
    _Adjective("faster fastest", "slower slowest", ("speed",), ("How fast {be} {thing}?",), "speed"),
    _Adjective("hotter warmer hottest warmest", "colder cooler coldest coolest", ("temperature", "number"),
               ("What {be} the temperature in {thing}?",), "temperature"),
    _Adjective("dearer costlier pricier dearest costliest more_expensive most_expensive",
               "cheaper cheapest less_expensive least_expensive", ("money", "number"),
               ("How much {does} {thing} cost?",), "price cost"),
    _Adjective("farther further farthest furthest", "nearer closer nearest closest", ("length", "duration", "number"),
               ("How far {be} {thing}?",), "distance"),
    _Adjective("larger bigger largest biggest", "smaller smallest", AMOUNT, ("How large {be} {thing}?",), "size area"),
    _Adjective("more_populous most_populous", "less_populous least_populous", NUMBER,
               ("How many people {are} there in {thing}?",), "population"),
    _Adjective("later latest", "earlier earliest sooner soonest", DATE, ("When {be} {thing}?",)),
)  # fmt: skip
_BY_WORD = {
    word.replace("_", " "): (adjective, greatest)
    for adjective in _ADJECTIVES
    for words, greatest in ((adjective.greater, True), (adjective.less, False))
    for word in words.split()
}
_BY_NOUN = {noun: adjective for adjective in _ADJECTIVES for noun in adjective.nouns.split()}
_LATE = {
    **dict.fromkeys(("first", "earlier", "earliest", "sooner", "soonest"), False),
    **dict.fromkeys(("last", "later", "latest"), True),
}
_LONG = {"longer": True, "longest": True, "shorter": False, "shortest": False}
_MUCH = {"more": True, "most": True, "less": False, "least": False}
_FAR = {"farther": "far", "further": "far", "higher": "high", "deeper": "deep", "faster": "fast"}
_ADVERBS = "|".join((*_LATE, *_LONG, *_MUCH, *_FAR))
COMPARATIVES = "|".join(sorted(_BY_WORD, key=len, reverse=True))
BE_FORMS = "|".join(BE)
AUXILIARY_FORMS = "|".join(AUXILIARIES)
PREPOSITIONS = "in|at|on|for|from|to|by|of|with|during|among|under"
MORE = (
    r"(?:the )?(?P<more>more|most|fewer|fewest|less|least"
    r"|(?:greatest|largest|highest|higher|larger|greater|smallest|lowest|lower|smaller) (?:number|amount|share) of)"
)
_REST = rf"(?P<rest> (?:{PREPOSITIONS}) .+)?"
_HAS = r"(?P<have>has|had|have|recorded|reached|(?:did|does) (?:have|record|reach))"
_DEGREES = "higher|highest|lower|lowest|larger|largest|smaller|smallest|greater|greatest|bigger|biggest"
_COUNTED = re.compile(r"(?:people|children|women|men|mice|sheep|fish|\w+s)(?: of .+)?$")
_MAX_VERB_WORDS = 5


def attribute_of(clause: str) -> Attribute | None:
    """Return what a clause without its subject compares; `None` if that is unclear."""
    clause = " ".join(clause.split())
    return next((found for rule in (_adjective, _counted, _highest, _adverb) if (found := rule(clause))), None)


def of_adjective(word: str, be: str, rest: str = "") -> Attribute | None:
    """Return the attribute of a comparative or superlative, in the tense of `be`; `rest` follows it in the question."""
    adjective, greatest = _BY_WORD[word]
    if (adjective.nouns == "distance") != rest.startswith((" to ", " from ")):
        return None
    questions = [
        as_question(f"{_in_tense(template, be)[:-1]}{rest}?", adjective.dimensions, greatest, adjective.earliest)
        for template in adjective.templates
    ]
    return Attribute(word, tuple(questions), superlative=_is_superlative(word))


def of_noun(noun: str) -> Attribute | None:
    """Return the attribute of a noun: of "height" in "the difference in height"."""
    adjective = _BY_NOUN.get(noun)
    if adjective is None:
        return Attribute(noun, (as_question(f"What is the {noun} of {{thing}}?", AMOUNT, True),), noun.split()[-1])
    if adjective.nouns == "distance":
        return None
    questions = [
        as_question(_in_tense(template, "is"), adjective.dimensions, True, adjective.earliest)
        for template in adjective.templates
    ]
    return Attribute(noun, tuple(questions))


def of_places(clause: str, place: str) -> Attribute | None:
    """Return what is compared between places: "did more people vote", "was bread cheaper", "is there more sugar"."""
    aux = rf"(?P<aux>{BE_FORMS}|{AUXILIARY_FORMS})(?P<there> there)?"
    if match := re.fullmatch(rf"{aux} {MORE} (?P<what>[\w'’-]+.*)", clause):
        words = match["what"].split()
        return counted_at_places(match["more"], words, f"{match['aux']}{match['there'] or ''}", place)
    match = re.fullmatch(rf"(?P<be>{BE_FORMS}) (?P<subject>.+?) (?:the )?(?P<word>{COMPARATIVES})", clause)
    attribute = of_adjective(match["word"], match["be"]) if match else None
    if match is None or attribute is None:
        return None
    # "How much did {thing} cost?" → "How much did bread cost in {thing}?"
    questions = [
        replace(question, before=f"{question.before}{match['subject']}{question.after[:-1]} {place} ", after="?")
        for question in attribute.sub_questions
    ]
    return replace(attribute, sub_questions=tuple(questions), noun=match["subject"].removeprefix("the "))


def counted_at_places(more: str, words: Sequence[str], aux: str, place: str) -> Attribute:
    """Return the attribute of "did more people vote in A than in B": `words` are the noun and the verb."""
    length = noun_length(words)
    noun, verb = " ".join(words[:length]), " ".join(words[length:])
    ask = how_much(noun)
    # "How many people did vote in A?" is "How many people voted in A?".
    helper = "" if aux == "did" and verb else aux
    question = as_question(f"{ask} {noun} {helper} {verb} {place} {{thing}}?", dimensions_of(noun), is_more(more))
    return Attribute(f"{more} {noun}", (question,), noun, _is_superlative(more))


def is_more(more: str) -> bool:
    """Return whether "more", "fewest", "the largest number of" asks for the greatest."""
    return more.split()[0] in ("more", "most", "greatest", "largest", "highest", "higher", "larger", "greater")


def how_much(noun: str) -> str:
    """Return "How many" before what is counted, "How much" before the rest."""
    return "How many" if _COUNTED.search(noun) else "How much"


def dimensions_of(noun: str) -> tuple[Dimension, ...]:
    """Return the dimensions of what is counted: a number, or an amount in a unit ("tonnes of herring")."""
    is_unit = noun.split()[0] in units_by_word() if noun else True
    return NUMBER if how_much(noun) == "How many" and not is_unit else AMOUNT


def noun_length(words: Sequence[str]) -> int:
    """Return how many of the first words are a noun: "people vote" is one and a verb, "olive trees" two."""
    second = words[1].lower() if len(words) > 1 else ""
    is_verb = base_form(second) or second.endswith("ed")
    return 2 if second and not is_verb and second not in PREPOSITIONS.split("|") else 1


def ask_verb(ask: str, verb: str, rest: str, dimensions: tuple[Dimension, ...], greatest: bool) -> SubQuestion:
    """Return the sub-question that keeps the question's own verb: "opened" → "When did {thing} open?"."""
    first, _, others = verb.partition(" ")
    others = f" {others}" if others else ""
    is_helper = (first in BE or first in AUXILIARIES) and not (first in ("has", "had", "have") and not others)
    if first == "there":
        template = f"{ask} is there in {{thing}}"
    elif is_helper:
        template = f"{ask} {first} {{thing}}{others}"
    elif base := base_form(first):
        template = f"{ask} {'did' if is_past(first) else 'does'} {{thing}} {base}{others}"
    else:
        template = f"{ask} was it that {{thing}} {verb}" if ask == "When" else f"{ask} {{thing}} {verb}"
    return as_question(f"{template}{rest}?", dimensions, greatest)


def _adjective(clause: str) -> Attribute | None:
    of_all = r"(?: of (?:the |these )?(?:two|three|four|all)(?: \w+)?)?"
    match = re.fullmatch(rf"(?P<be>{BE_FORMS}) (?:the )?(?P<word>{COMPARATIVES}){of_all}{_REST}", clause)
    return of_adjective(match["word"], match["be"], match["rest"] or "") if match else None


def _in_tense(template: str, be: str) -> str:
    past = be in ("was", "were", "did", "had")
    single = "was" if past else "is" if be in ("is", "are", "does", "do", "has", "have") else be
    forms = {"{be}": single, "{does}": "did" if past else "does", "{are}": "were" if past else "are"}
    return re.sub(r"\{(?:be|does|are)\}", lambda match: forms[match.group()], template)


def _is_superlative(word: str) -> bool:
    first = word.split()[0]
    return first.endswith("est") or first in ("most", "least")


def _counted(clause: str) -> Attribute | None:
    """Return the attribute of "had more voters in 2019", "did sell fewer tickets"."""
    word = rf"(?!(?:than|or|and|{PREPOSITIONS})\b)[\w'’-]+"
    match = re.fullmatch(rf"(?P<verb>.+?) {MORE} (?P<noun>{word}(?: {word})?){_REST}", clause)
    if match is None:
        return None
    more, noun = match["more"], match["noun"]
    words = noun.split()
    if words[0] in STOP_WORDS or words[0] in ("expensive", "populous") or noun_length(words) < len(words):
        return None
    question = ask_verb(
        f"{how_much(noun)} {noun}", match["verb"], match["rest"] or "", dimensions_of(noun), is_more(more)
    )
    return Attribute(f"{more} {noun}", (question,), noun, _is_superlative(more))


def _highest(clause: str) -> Attribute | None:
    """Return the attribute of "has the highest temperature"."""
    word = rf"(?!(?:{PREPOSITIONS})\b)[\w'’-]+"
    match = re.fullmatch(rf"{_HAS} (?:the |a )?(?P<degree>{_DEGREES}) (?P<noun>{word}(?: {word})?){_REST}", clause)
    if match is None:
        return None
    be = "is" if match["have"] in ("has", "have") or "does" in match["have"] else "was"
    degree, noun = match["degree"], match["noun"]
    template = f"What {be} the {noun} in {{thing}}{match['rest'] or ''}?"
    return Attribute(
        f"{degree} {noun}",
        (as_question(template, AMOUNT, is_more(degree) or degree.startswith("big")),),
        superlative=_is_superlative(degree),
    )


def _adverb(clause: str) -> Attribute | None:
    """Return the attribute of "opened first", "lasted longer", "costs more"."""
    match = re.fullmatch(rf"(?P<verb>.+?) (?:the )?(?P<adverb>{_ADVERBS}){_REST}", clause)
    if match is None or len(match["verb"].split()) > _MAX_VERB_WORDS:
        return None
    verb, adverb, rest = match["verb"], match["adverb"], match["rest"] or ""
    if adverb in _LATE:
        question = ask_verb("When", verb, rest, DATE, _LATE[adverb])
    elif adverb in _LONG:
        question = ask_verb("How long", verb, rest, _LENGTHS, _LONG[adverb])
    elif adverb in _MUCH:
        question = ask_verb("How much", verb, rest, AMOUNT, _MUCH[adverb])
    else:
        question = ask_verb(f"How {_FAR[adverb]}", verb, rest, AMOUNT, True)
    bare_verb = re.sub(rf"^(?:{BE_FORMS}|{AUXILIARY_FORMS})(?: |$)", "", verb)
    superlative = _is_superlative(adverb) or adverb in ("first", "last")
    return Attribute(f"{bare_verb} {adverb}".strip(), (question,), superlative=superlative)
