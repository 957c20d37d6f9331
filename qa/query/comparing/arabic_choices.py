"""Arabic questions for the thing that has the most, or whether one has: «أيهما أطول، A أم B؟», «هل A أطول من B؟»."""

from __future__ import annotations

import re

from index.text.folding import fold_text
from qa.query.comparing.arabic_measures import (
    ALONE,
    ANY_DEGREE,
    AUXILIARY,
    COMPARATIVE,
    DEGREES,
    REST,
    attribute_of,
    of_adjective,
    of_degree,
    of_noun,
    of_places,
    without_case_ending,
)
from qa.query.comparing.arabic_things import (
    alternatives,
    bare_name,
    kind_of_things,
    split_measure,
    valid_things,
    with_heads,
)
from qa.query.comparing.model import AMOUNT, DATE, Attribute, ComparisonQuestion, QuestionLine, as_question, compared

_WHICH = r"(?:(?P<where>اين)|ايهما|ايهم|ايهن|ايها|من|ما|اي (?P<kind>\w+)(?: ال(?!ا\w\w\w )\w+)?)"
_SPECIFIED = r"(?: (?P<noun>سنا|عمرا|سكانا|مساحه|سعرا|طولا|وزنا|ارتفاعا))?"
_NOUN_BEFORE_THAN = r"(?: (?P<noun>(?!من )\w+))?"


def choice(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «أي الجسرين أطول: A أم B؟», «أيهما أقدم، A أم B؟», «أين كان الخيار أغلى: في A أم B؟»."""
    match = re.fullmatch(
        rf"(?P<place>(?:في|من|علي|عند|لدي) )?{_WHICH}(?P<clause> .+?)\s?[:،,؛–-]\s?(?P<list>.+ (?:ام|او) .+)", line.text
    )
    if match is None:
        return None
    things = with_heads(alternatives(line.cut(match, "list")), match["kind"] or "")
    place = (match["place"] or "").strip() or ("في" if match["where"] else "")
    return compared("which", things, of_places(match["clause"], place) if place else attribute_of(match["clause"]))


def choice_without_mark(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «أيهما أطول A أم B؟» and «هل A أطول أم B؟»."""
    which = re.fullmatch(
        rf"(?:ايهما|ايهم|من|ما) {AUXILIARY}{COMPARATIVE}{_SPECIFIED} (?P<list>.+ (?:ام|او) .+)", line.text
    )
    if which:
        return compared("which", alternatives(line.cut(which, "list")), of_degree(which["word"], which["noun"]))
    match = re.fullmatch(
        rf"(?:هل |ا(?=\w))?{AUXILIARY}(?P<a>.+?) {COMPARATIVE}(?: (?P<noun>\w+))?،? (?:ام|او) (?P<b>.+)", line.text
    )
    if match is None:
        return None
    things = valid_things([line.cut(match, "a"), bare_name(line.cut(match, "b"))])
    return compared("which", things, of_degree(match["word"], match["noun"]))


def whether_in_places(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «هل في A سمن أكثر من B؟»."""
    match = re.fullmatch(
        r"هل (?:يوجد |توجد )?في (?P<a>.+) (?P<noun>\w+) (?P<more>اكثر|اقل) (?:من|مما) (?:في )?(?P<b>.+)", line.text
    )
    if match is None:
        return None
    things = valid_things([line.cut(match, "a"), bare_name(line.cut(match, "b"))])
    return compared("whether", things, of_places(f"{match['noun']} {match['more']}", "في"))


def whether_more(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «هل A أطول من B؟», «هل عدد سكان A أكبر من عدد سكان B؟», «هل جمعت A كتبا أكثر من B؟»."""
    match = re.fullmatch(rf"هل {AUXILIARY}(?P<a>.+?) {COMPARATIVE}{_NOUN_BEFORE_THAN} من (?P<b>.+)", line.text)
    if match is None:
        return None
    names, word, noun = (line.cut(match, "a"), line.cut(match, "b")), match["word"], match["noun"]
    if noun is None and word in DEGREES:
        measure, things = split_measure(names)
        if measure:
            attribute = of_noun(measure, DEGREES[word])
            renamed = Attribute(f"ال{word}", attribute.sub_questions, attribute.noun)
            return compared("whether", valid_things(things), renamed)
        if word in ("اكثر", "اقل"):
            return _whether_counted(names, word)
    return compared("whether", valid_things(names), of_degree(word, noun))


def whether_before(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «هل افتتح A قبل B؟» and «هل كان افتتاح A بعد افتتاح B؟»."""
    match = re.fullmatch(r"هل (?P<aux>كان |كانت |تم |جري )?(?P<a>.+?) (?P<when>قبل|بعد) (?P<b>.+)", line.text)
    if match is None:
        return None
    first, other = line.cut(match, "a").split(), line.cut(match, "b").split()
    if match["aux"] and other[0] == first[0]:
        other = other[1:]
    verb = f"{match['aux'] or ''}{first[0]}".strip()
    early = match["when"] == "قبل"
    question = as_question(f"متى {verb} {{thing}}؟", DATE, greatest=not early)
    things = valid_things([" ".join(first[1:]), " ".join(other)])
    return compared("whether", things, Attribute(f"{verb} {'أولا' if early else 'لاحقا'}", (question,)))


def most_of_kind(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «أي الجسور أطول؟», «أي المدن أكثر سكانا؟», «ما أطول جسر في الوادي؟»."""
    text = line.text
    if re.search(r"[:،]| (?:ام|او) ", text):
        return None
    if match := re.fullmatch(rf"ما (?:هو |هي )?(?P<word>{ALONE}) (?P<kind>(?!ال)\w+){REST}", text):
        return _of_kind(match["kind"], of_adjective(match["word"], match["rest"] or ""))
    if match := re.fullmatch(rf"ما (?:هو |هي )?(?P<word>{ANY_DEGREE}) (?P<kind>ال\w+) (?P<noun>\w+)", text):
        return _of_kind(match["kind"], of_degree(match["word"], match["noun"]))
    match = re.fullmatch(rf"(?P<place>في |من )?اي (?:من )?(?P<kind>\w+) {AUXILIARY}(?P<clause>.+)", text)
    # «أرخص في» is followed by a place here, and by what is sold where things are named.
    if match is None or re.search(r" من (?!غير|سوا|الاخر)|(?:ارخص|اغلي) في ", match["clause"]):
        return None
    place = (match["place"] or "").strip()
    return _of_kind(match["kind"], of_places(match["clause"], place) if place else attribute_of(match["clause"]))


def _of_kind(noun: str, attribute: Attribute | None) -> ComparisonQuestion | None:
    kind = kind_of_things(noun)
    return compared("which", (), attribute, kind) if kind else None


def _whether_counted(names: tuple[str, str], more: str) -> ComparisonQuestion | None:
    """Match «جمعت A كتبا» and «B»: the names have the same number of words."""
    words, length = names[0].split(), len(names[1].split())
    if len(words) not in (length + 1, length + 2):
        return None
    noun = words[-1] if len(words) == length + 2 else ""
    question = as_question(f"كم {noun} {words[0]} {{thing}}؟", AMOUNT, DEGREES[more])
    attribute = Attribute(f"{noun} {more}".strip(), (question,), without_case_ending(fold_text(noun)))
    return compared("whether", valid_things([" ".join(words[1 : 1 + length]), names[1]]), attribute)
