"""English questions for the thing that has the most, or whether one has: "Which is longer, A or B?"."""

from __future__ import annotations

import re
from dataclasses import replace

from qa.query.comparing.english_measures import (
    AUXILIARY_FORMS,
    BE_FORMS,
    COMPARATIVES,
    PREPOSITIONS,
    attribute_of,
    counted_at_places,
    dimensions_of,
    how_much,
    is_more,
    of_adjective,
    of_places,
)
from qa.query.comparing.english_things import (
    alternatives,
    bare_name,
    conjoined,
    kind_of_things,
    preposition_of,
    valid_things,
    with_head,
    with_kind,
)
from qa.query.comparing.english_verbs import AUXILIARIES, BE, base_form, is_past, split_subject
from qa.query.comparing.model import AMOUNT, Attribute, ComparisonQuestion, QuestionLine, as_question, compared

_VERB = rf"(?P<aux>{BE_FORMS}|{AUXILIARY_FORMS})"
_NUMERALS = r"(?:(?:two|three|four|five|six|seven|following)\b ?)?"
_OF_SEVERAL = re.compile(rf"\s*(?:one )?(?:of (?:the |these |those )?)?{_NUMERALS}")
_NOT_AFTER = frozenset({"name", "call", "look"})
"""Verbs whose "after" is no time: "named after"."""


def choice(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "Which bridge is longer, A or B?" and "Where did more people vote: in A or in B?"."""
    match = re.fullmatch(
        r"(?P<place>(?:in|at|on|for|from) )?(?P<wh>which|what|who|where)\b(?P<middle>.*?)"
        r"(?:[,:;]|\s[–—-])\s(?P<list>.+ or .+)",
        line.text,
    ) or re.fullmatch(
        rf"(?P<place>)(?P<wh>which|what|who)\b(?P<middle> (?:{BE_FORMS}) (?:{COMPARATIVES})),? (?P<list>.+ or .+)",
        line.text,
    )
    if match is None:
        return None
    listed = line.cut(match, "list")
    kind, clause = _kind_and_clause(match["middle"])
    things = with_kind(alternatives(listed), kind)
    if match["wh"] == "where" or match["place"]:
        place = (match["place"] or "").strip() or preposition_of(listed) or "in"
        return compared("which", things, of_places(clause, place))
    attribute = None if _has_other_subject(clause) else attribute_of(clause)
    if attribute and match["wh"] == "who":
        persons = [question for question in attribute.sub_questions if " built" not in question.after]
        attribute = replace(attribute, sub_questions=tuple(persons))
    return compared("which", things, attribute)


def choice_before_clause(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "Which of A and B is longer?", "Of A and B, which is longer?", "Who is the tallest of A, B and C?"."""
    if match := re.fullmatch(r"(?:of|between) (?P<list>.+? and .+?),? (?:which|who)(?P<middle> .+)", line.text):
        return compared("which", conjoined(line.cut(match, "list")), attribute_of(_kind_and_clause(match["middle"])[1]))
    if match := re.fullmatch(
        rf"(?:which|who|what)(?: \w+)? (?P<be>{BE_FORMS}) the (?P<word>{COMPARATIVES}) of (?P<list>.+ and .+)",
        line.text,
    ):
        return compared("which", conjoined(line.cut(match, "list")), of_adjective(match["word"], match["be"]))
    match = re.fullmatch(r"(?:which|who|what) of (?P<list>.+?(?: and | or ).+)", line.text)
    words = line.cut(match, "list").split() if match else []
    for at in range(3, len(words)):
        if words[at] in BE or words[at] in AUXILIARIES or is_past(words[at]):
            things = conjoined(" ".join(words[:at]).replace(" or ", " and "))
            return compared("which", things, attribute_of(" ".join(words[at:]).lower()))
    return None


def choice_of_subjects(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "Is A or B longer?" and "Did A or B collect more books?"."""
    match = re.fullmatch(rf"{_VERB} (?P<first>.+) or (?P<last>.+)", line.text)
    if match is None:
        return None
    first, last = line.cut(match, "first"), line.cut(match, "last").split()
    at = split_subject(last, after_be=match["aux"] in BE)
    if match["aux"] in BE:
        clause = rf"(?:the )?(?:{COMPARATIVES})(?: (?:{PREPOSITIONS}) .+)?"
        starts = (n for n in range(1, len(last)) if re.fullmatch(clause, " ".join(last[n:]).lower()))
        at = next(starts, at)
    if at is None:
        return None
    things = alternatives(f"{first} or {' '.join(last[:at])}")
    return compared("which", things, attribute_of(f"{match['aux']} {' '.join(last[at:]).lower()}"))


def whether_more(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "Is A longer than B?", "Was bread cheaper in A than in B?", "Is the price of A higher than that of B?"."""
    text, be = line.text, rf"(?P<be>{BE_FORMS})"
    word = rf"(?P<word>{COMPARATIVES})"
    if match := re.fullmatch(
        rf"{be} (?P<what>.+?) {word} (?P<place>{PREPOSITIONS}) (?P<a>.+) than (?P=place) (?P<b>.+)", text
    ):
        attribute = of_places(f"{match['be']} {match['what']} {match['word']}", match["place"])
        return compared("whether", valid_things([line.cut(match, "a"), line.cut(match, "b")]), attribute)
    if match := re.fullmatch(rf"{be} (?P<what>the .+?) of (?P<a>.+?) {word} than (?:that|those) of (?P<b>.+)", text):
        attribute = of_adjective(match["word"], match["be"])
        greatest = bool(attribute and attribute.sub_questions[0].greatest)
        question = as_question(f"What {match['be']} {match['what']} of {{thing}}?", AMOUNT, greatest)
        things = valid_things([line.cut(match, "a"), line.cut(match, "b")])
        return compared("whether", things, Attribute(match["word"], (question,)))
    match = re.fullmatch(rf"{be} (?P<a>.+?) {word} than (?P<b>.+)", text)
    if match is None:
        return None
    things = valid_things([line.cut(match, "a"), bare_name(line.cut(match, "b"))])
    return compared("whether", things, of_adjective(match["word"], match["be"]))


def whether_before(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "Did A open before B?" and "Was A built later than B?"."""
    match = re.fullmatch(
        rf"{_VERB} (?P<left>.+?) (?P<when>before|after|earlier than|later than|sooner than) (?P<b>.+)", line.text
    )
    left = line.cut(match, "left").split() if match else []
    at = split_subject(left, after_be=bool(match) and match["aux"] in BE) if match else None
    if match is None or at is None or base_form(left[-1].lower()) in _NOT_AFTER:
        return None
    other = re.sub(rf"\s+(?:{BE_FORMS}|{AUXILIARY_FORMS})(?:\s\w+)?$", "", line.cut(match, "b"))
    things = valid_things([" ".join(left[:at]), bare_name(other)])
    adverb = "later" if match["when"] in ("after", "later than") else "earlier"
    return compared("whether", things, attribute_of(f"{match['aux']} {' '.join(left[at:]).lower()} {adverb}"))


def whether_counted(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "Did A sell more tickets than B?" and "Did more people vote in A than in B?"."""
    match = re.fullmatch(
        rf"{_VERB} (?P<left>.+? )??(?P<more>more|fewer|less)(?P<right>(?: .+?)?) than (?P<b>.+)", line.text
    )
    if match is None:
        return None
    left, right, other = (line.cut(match, group) for group in ("left", "right", "b"))
    if place := preposition_of(other):
        # The things follow the same preposition: "did more people vote in A than in B".
        before, found, name = right.rpartition(f" {place} ")
        if not found:
            return None
        if left not in ("", "there"):
            # "did the museum have more visitors in 2022 than in 2021"
            ask = f"{how_much(before)} {before} {match['aux']} {left} {place} {{thing}}?"
            question = as_question(ask, dimensions_of(before), is_more(match["more"]))
            attribute = Attribute(f"{match['more']} {before}", (question,), before)
            return compared("whether", valid_things([name, bare_name(other)]), attribute)
        aux = f"{match['aux']} {left}".strip()
        attribute = counted_at_places(match["more"], before.split(), aux, place)
        return compared("whether", valid_things([name, bare_name(other)]), attribute)
    subject = left.split()
    at = split_subject(subject, after_be=match["aux"] in BE)
    if at is None:
        return None
    things = with_head(" ".join(subject[:at]), re.sub(rf"\s+(?:{AUXILIARY_FORMS})$", "", other))
    clause = " ".join((match["aux"], *subject[at:], match["more"], right)).lower()
    return compared("whether", valid_things(things), attribute_of(clause))


def most_of_kind(line: QuestionLine) -> ComparisonQuestion | None:
    """Match "Which bridge is the longest?", "Which town had the most voters?", "What is the longest bridge?"."""
    text = line.text
    if " or " in text or "," in text:
        return None
    if match := re.fullmatch(
        rf"(?:which|what) (?P<be>is|was) the (?P<word>{COMPARATIVES}) (?P<kind>[\w'’-]+(?: [\w'’-]+)??)"
        rf"(?P<rest> (?:{PREPOSITIONS}) .+)?",
        text,
    ):
        attribute = of_adjective(match["word"], match["be"], match["rest"] or "")
        return _superlative(match["kind"], attribute)
    match = re.fullmatch(r"(?P<place>(?:in|at|on|for|from) )?which(?P<middle> .+)", text)
    if match is None:
        return None
    kind, clause = _kind_and_clause(match["middle"])
    if match["place"]:
        return _superlative(kind, of_places(clause, match["place"].strip()))
    if _has_other_subject(clause):
        return None
    clause = re.sub(r"^(?:is|was|are|were) the (first|last) to (.+)$", r"did \2 \1", clause)
    return _superlative(kind, attribute_of(clause))


def _superlative(noun: str, attribute: Attribute | None) -> ComparisonQuestion | None:
    kind = kind_of_things(noun)
    return compared("which", (), attribute if attribute and attribute.superlative else None, kind) if kind else None


def _has_other_subject(clause: str) -> bool:
    """Return whether the things are what another did something with: "which party did he join first"."""
    return clause.split()[:1] in (["did"], ["does"], ["do"])


def _kind_and_clause(middle: str) -> tuple[str, str]:
    """Split " of the two bridges is longer", " bridge is longer" or " opened first" into the kind and the clause."""
    words = _OF_SEVERAL.sub("", middle, count=1).split()
    for at, word in enumerate(words[:4]):
        following = words[at + 1] if at + 1 < len(words) else ""
        is_finite = following in BE or following in AUXILIARIES or base_form(following) not in (None, following)
        is_verb = word in BE or word in AUXILIARIES or bool(base_form(word))
        # "show takes longest": what could be a verb is the kind where a verb follows it.
        if is_verb and (at > 0 or word in BE or word in AUXILIARIES or not is_finite):
            return " ".join(words[:at]), " ".join(words[at:])
    return "", " ".join(words)
