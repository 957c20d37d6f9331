"""Arabic questions for a difference or a sum: «كم يزيد طول A على B؟», «كم كتابا جمعت A وB معا؟»."""

from __future__ import annotations

import re

from index.text.folding import fold_text
from qa.query.comparing.arabic_measures import AUXILIARY, COMPARATIVE, of_degree, of_noun, without_case_ending
from qa.query.comparing.arabic_things import conjoined, split_measure, valid_things, with_heads
from qa.query.comparing.model import (
    AMOUNT,
    DATE,
    NUMBER,
    Attribute,
    ComparisonQuestion,
    QuestionLine,
    as_question,
    compared,
)
from qa.units import units_by_word

_EXCEEDS = r"(?:يزيد|تزيد|زاد|زادت|يفوق|تفوق|فاق|فاقت|يقل|تقل|قل|قلت|ينقص|تنقص|نقص|نقصت)"
_TOGETHER = r"(?:معا|جميعا|مجتمعين|مجتمعتين|مجتمعه|في المجموع|بالمجموع|اجمالا|كلها)"
_MEASURE_OF = {"length": "طول", "duration": "مدة", "weight": "وزن", "money": "سعر", "area": "مساحة"}


def difference_between(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «ما الفرق في الطول بين A وB؟», «ما الفرق بين سعر A وسعر B؟», «… بين أرباح A في سنتي 2020 و2022»."""
    match = re.fullmatch(
        r"(?:ما|كم)(?: هو| هي| يبلغ| بلغ)? (?:ال)?(?:فرق|فارق)(?: (?:في )?(?P<noun>(?!بين\b)\w+))? بين (?P<list>.+)",
        line.text,
    )
    if match is None:
        return None
    listed, noun = line.cut(match, "list"), line.cut(match, "noun").removeprefix("ال")
    years = re.fullmatch(r"(?P<what>.+) في (?:سنتي|عامي|سنة|عام) (?P<a>\d{4}) و\s?(?:سنة |عام )?(?P<b>\d{4})", listed)
    if years and not noun:
        question = as_question(f"كم كان {years['what']} في سنة {{thing}}؟", AMOUNT, True)
        return compared("difference", valid_things([years["a"], years["b"]]), Attribute(years["what"], (question,)))
    names = conjoined(listed)
    if len(names) != 2:
        return None
    measure, things = (noun, names) if noun else split_measure(names)
    return compared("difference", valid_things(things), of_noun(measure)) if measure else None


def difference_of_exceeding(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «كم يزيد طول A على طول B؟», «بكم فيلما زادت A على B؟»."""
    match = re.fullmatch(rf"ب?كم (?:(?P<unit>\w+) )??{_EXCEEDS} (?P<a>.+?) (?:علي|عن) (?P<b>.+)", line.text)
    if match is None:
        return None
    measure, things = split_measure((line.cut(match, "a"), line.cut(match, "b")))
    things = valid_things(with_heads(things, ""))
    counted = line.cut(match, "unit")
    unit = fold_text(counted)
    measured = units_by_word().get(unit)
    if not measure and measured:
        measure = _MEASURE_OF.get(measured.dimension, "")
    if measure:
        return compared("difference", things, of_noun(measure), unit=unit if measured else "")
    if not counted or measured:
        return None
    question = as_question(f"كم {counted} في {{thing}}؟", NUMBER, True)
    return compared("difference", things, Attribute(counted, (question,), without_case_ending(unit)))


def difference_of_adjective(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «بكم متر A أطول من B؟» and «بكم A أغلى من B؟»."""
    match = re.fullmatch(
        rf"ب?كم (?:(?P<unit>\w+) )?{AUXILIARY}(?P<a>.+?) {COMPARATIVE}(?: (?P<noun>(?!من )\w+))? من (?P<b>.+)",
        line.text,
    )
    if match is None:
        return None
    unit, first = match["unit"] or "", line.cut(match, "a")
    if unit and unit not in units_by_word():
        # No unit, but the first word of the name.
        first, unit = f"{line.cut(match, 'unit')} {first}", ""
    things = valid_things([first, line.cut(match, "b")])
    return compared("difference", things, of_degree(match["word"], match["noun"]), unit=unit)


def time_between(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «كم سنة بين افتتاح A وافتتاح B؟»."""
    match = re.fullmatch(
        r"كم (?P<unit>سنه|عاما|يوما|شهرا|ساعه|دقيقه|اسبوعا) (?:تفصل |يفصل |مضت |مضي |مرت |مر |انقضت )?بين (?P<list>.+)",
        line.text,
    )
    names = conjoined(line.cut(match, "list")) if match else ()
    if match is None or len(names) != 2:
        return None
    first, second = (name.split() for name in names)
    event = first[0] if len(first) > 1 and len(second) > 1 and first[0] == second[0] else ""
    things = tuple(" ".join(name[1:] if event else name) for name in (first, second))
    question = as_question(f"متى {'كان ' if event else ''}{event} {{thing}}؟", DATE, True)
    return compared("difference", things, Attribute(event, (question,)), unit=match["unit"])


def sum_of_things(line: QuestionLine) -> ComparisonQuestion | None:
    """Match «كم كتابا جمعت A وB معا؟», «كم سعر A وB معا؟», «ما مجموع عدد السكان في A وB؟»."""
    match = re.fullmatch(
        rf"(?:ما|كم)(?: هو| يبلغ| بلغ| كان)? (?P<total>مجموع|اجمالي) (?P<all>.+?)(?: {_TOGETHER})?", line.text
    ) or re.fullmatch(rf"كم (?P<total>)(?P<all>.+?) {_TOGETHER}", line.text)
    if match is None:
        return None
    words = line.cut(match, "all")
    what, place, listed = words.rpartition(" في ")
    if place:
        counted = next((word for word in what.split() if word != "عدد"), "")
        question = as_question(f"كم {what} في {{thing}}؟", AMOUNT, True)
        return compared("sum", conjoined(listed), Attribute(what, (question,), _noun(counted)))
    names = conjoined(words)
    if len(names) != 2:
        return None
    measure, things = split_measure(names)
    if measure:
        return compared("sum", valid_things(things), of_noun(measure))
    first = names[0].split()
    if len(first) < 3 or match["total"]:
        return None
    # «كتابا جمعت مدرسة الأمل»: noun, verb, thing.
    question = as_question(f"كم {first[0]} {first[1]} {{thing}}؟", AMOUNT, True)
    things = valid_things((" ".join(first[2:]), names[1]))
    return compared("sum", things, Attribute(first[0], (question,), _noun(first[0])))


def _noun(word: str) -> str:
    return without_case_ending(fold_text(word)).removeprefix("ال")
