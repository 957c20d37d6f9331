"""English questions for a difference or a sum: "How much longer is A than B?", "How many did A and B sell in all?"."""

from __future__ import annotations

import re

from qa.query.comparing.english_measures import (
    AUXILIARY_FORMS,
    BE_FORMS,
    COMPARATIVES,
    PREPOSITIONS,
    attribute_of,
    dimensions_of,
    how_much,
    of_adjective,
    of_noun,
    of_places,
)
from qa.query.comparing.english_things import (
    bare_name,
    conjoined,
    preposition_of,
    valid_things,
    with_head,
    with_that,
)
from qa.query.comparing.english_verbs import BE, base_form, split_subject
from qa.query.comparing.model import AMOUNT, NUMBER, Attribute, ComparisonQuestion, QuestionLine, as_question, compared

_AUX = rf"(?P<aux>{BE_FORMS}|{AUXILIARY_FORMS})"
_NO_VERB = rf"(?!(?:{AUXILIARY_FORMS}|{BE_FORMS}|more|fewer|less)\b)"
_NOUN = rf"(?P<noun>{_NO_VERB}[\w'’-]+(?: {_NO_VERB}[\w'’-]+){{0,3}}?)"
_MORE = r"(?P<more>more|fewer|less)"
_NOT_A_UNIT = frozenset({"times", "percent", "per", "points"})
_TOGETHER = re.compile(
    r"(?:^|,? )(?:together|in total|altogether|combined|in all|between them|taken together)(?:,? |$)"
)
_SINGULAR = {"are": "is", "were": "was", "do": "does", "have": "has"}


def difference_of_adjective(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "How much longer is A than B?" and "By how many pounds is A dearer than B?"."""
    much, word = r"how (?:much|many (?P<unit>\w+))", rf"(?P<word>{COMPARATIVES})"
    match = re.fullmatch(
        rf"(?:by )?{much} {word} (?P<be>{BE_FORMS}|did|does|do) (?P<a>.+) than (?P<b>.+)", line.text
    ) or re.fullmatch(rf"by {much} (?P<be>{BE_FORMS}) (?P<a>.+) {word} than (?P<b>.+)", line.text)
    if match is None or match["unit"] in _NOT_A_UNIT:
        return None
    first, other = line.cut(match, "a"), line.cut(match, "b")
    unit, be = match["unit"] or "", match["be"]
    if be not in BE:
        words = first.split()
        at = split_subject(words, after_be=False)
        clause = f"{be} {' '.join(words[at:])} {match['word']}".lower()
        things = valid_things([" ".join(words[:at]), bare_name(other)]) if at else ()
        return compared("difference", things, attribute_of(clause), unit=unit)
    if place := preposition_of(other):
        what, _, name = first.rpartition(f" {place} ")
        attribute = of_places(f"{be} {what.lower()} {match['word']}", place)
        return compared("difference", valid_things([name, bare_name(other)]), attribute, unit=unit)
    return compared("difference", valid_things(with_that(first, other)), of_adjective(match["word"], be), unit=unit)


def difference_of_counts(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "How many more films did A show than B?", "How much more did A cost than B?", "… in A than in B?"."""
    text = line.text
    match = (
        re.fullmatch(rf"(?:by )?how (?:much|many) {_MORE}(?: {_NOUN})? {_AUX} (?P<left>.+) than (?P<b>.+)", text)
        or re.fullmatch(rf"how (?:much|many)(?: {_NOUN})? {_MORE} than (?P<b>.+?) {_AUX} (?P<left>.+)", text)
        or re.fullmatch(rf"how (?:much|many)(?: {_NOUN})? {_AUX} (?P<left>.+) {_MORE} than (?P<b>.+)", text)
    )
    if match is None or (match["noun"] or "").split()[:1] == ["times"]:
        return None
    noun, left, other = match["noun"] or "", line.cut(match, "left"), line.cut(match, "b")
    ask = f"{how_much(noun)} {noun}" if noun else "How much"
    wording, dimensions = f"{match['more']} {noun}".strip(), dimensions_of(noun)
    if place := preposition_of(other):
        clause, _, name = left.rpartition(f" {place} ")
        question = as_question(f"{ask} {match['aux']} {clause} {place} {{thing}}?", dimensions, True)
        return compared("difference", valid_things([name, bare_name(other)]), Attribute(wording, (question,), noun))
    words = left.split()
    at = split_subject(words, after_be=match["aux"] in BE)
    if at is None and match["aux"] in ("has", "had", "have"):
        at = len(words)
    if at is None:
        return None
    things = with_head(" ".join(words[:at]), re.sub(rf"\s+(?:{AUXILIARY_FORMS}|{BE_FORMS})$", "", other))
    question = as_question(f"{ask} {match['aux']} {{thing}} {' '.join(words[at:])}?", dimensions, True)
    return compared("difference", valid_things(things), Attribute(wording, (question,), noun))


def difference_of_kinds(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "How many more adults than children attended the fair?"."""
    match = re.fullmatch(
        r"how many (?:more|fewer) (?P<a>[\w'’-]+(?: \w+)?) than (?P<b>[\w'’-]+(?: \w+)??) (?P<verb>\w+(?: .+)?)",
        line.text,
    )
    if match is None or not (match["verb"].split()[0] in BE or base_form(match["verb"].split()[0])):
        return None
    question = as_question(f"How many {{thing}} {line.cut(match, 'verb')}?", NUMBER, True)
    return compared(
        "difference", valid_things([line.cut(match, "a"), line.cut(match, "b")]), Attribute("more", (question,))
    )


def difference_between(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "What is the difference in height between A and B?" and "the age difference between A and B"."""
    match = re.fullmatch(
        r"(?:what (?:is|was|are|were) |how (?:big|large|great) (?:is|was) |what's )?(?:the )?"
        r"(?:difference in (?P<noun>[\w ]+?)|(?P<named>age|height|price|length|weight|temperature) difference)"
        r" between (?P<list>.+ and .+)",
        line.text,
    )
    things = conjoined(line.cut(match, "list")) if match else ()
    return (
        compared("difference", things, of_noun(match["noun"] or match["named"])) if match and len(things) == 2 else None
    )


def time_between(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "How many years after A was B built?"."""
    match = re.fullmatch(
        r"how many (?P<unit>\w+) (?P<when>before|after) (?P<b>.+?) (?P<aux>did|was|were|is|does) (?P<left>.+)",
        line.text,
    )
    words = line.cut(match, "left").split() if match else []
    at = split_subject(words, after_be=match["aux"] in BE) if match else None
    if match is None or at is None:
        return None
    adverb = "earlier" if match["when"] == "before" else "later"
    attribute = attribute_of(f"{match['aux']} {' '.join(words[at:]).lower()} {adverb}")
    things = valid_things([" ".join(words[:at]), line.cut(match, "b")])
    return compared("difference", things, attribute, unit=match["unit"])


def sum_of_things(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "How many books did A and B sell together?" and "In total, how many people live in A and B?"."""
    together = _TOGETHER.search(line.text)
    if together is None:
        return None
    parts = (line.cut_at(0, together.start()), line.cut_at(together.end(), len(line.text)))
    rest = QuestionLine(" ".join(part for part in parts if part))
    return _sum_of_subjects(rest) or _sum_of_places(rest)


def sum_of_noun(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "What is the total price of A and B?" and "What was the total number of voters in A and B?"."""
    match = re.fullmatch(
        r"what (?:is|was|are|were) the (?:(?:total|combined) (?P<noun>[\w ]+)|sum of the (?P<nouns>[\w ]+))"
        r" (?P<place>of|in|for|at) (?P<list>.+ and .+)",
        line.text,
    )
    if match is None:
        return None
    whole = match["noun"] or match["nouns"]
    noun = re.sub(r"^numbers? of ", "", whole)
    place = "in" if noun != whole and match["place"] == "of" else match["place"]
    ask = f"How many {noun} are there" if noun != whole else f"What is the {noun}"
    dimensions = dimensions_of(noun) if noun != whole else AMOUNT
    question = as_question(f"{ask} {place} {{thing}}?", dimensions, True)
    return compared(
        "sum", conjoined(line.cut(match, "list")), Attribute(noun, (question,), noun if noun != whole else "")
    )


def _sum_of_subjects(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "how many books did A and B sell", "how much do A and B cost"."""
    match = re.fullmatch(
        rf"(?P<ask>how (?:many|much|long|heavy|high)(?: {_NOUN})?) {_AUX} (?P<left>.+ and .+)", line.text
    )
    words = line.cut(match, "left").split() if match else []
    if match is None or base_form(words[0].lower()):
        return None
    last_and = max(at for at, word in enumerate(words) if word.lower() == "and")
    at = split_subject(words[last_and + 1 :], after_be=match["aux"] in BE)
    end = len(words) if at is None else last_and + 1 + at
    aux = _SINGULAR.get(match["aux"], match["aux"])
    template = f"{line.cut(match, 'ask').capitalize()} {aux} {{thing}} {' '.join(words[end:])}?"
    return compared("sum", conjoined(" ".join(words[:end])), _summed(template, match["noun"] or ""))


def _sum_of_places(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "how many people live in A and B", "how many birds were counted at A and B in January"."""
    match = re.fullmatch(
        rf"(?P<ask>how (?:many|much) {_NOUN}) (?P<verb>\w+(?: \w+)??) (?P<place>{PREPOSITIONS}) (?P<list>.+? and .+?)"
        rf"(?P<rest> (?:{PREPOSITIONS}) .+)?",
        line.text,
    )
    first = match["verb"].split()[0] if match else ""
    if match is None or not (first in BE or base_form(first)):
        return None
    template = (
        f"{line.cut(match, 'ask').capitalize()} {match['verb']} {match['place']} {{thing}} {line.cut(match, 'rest')}?"
    )
    return compared("sum", conjoined(line.cut(match, "list")), _summed(template, match["noun"]))


def _summed(template: str, noun: str) -> Attribute:
    return Attribute(noun, (as_question(template, dimensions_of(noun), True),), noun)
