"""Words spelt as the passages spell them, and question words of the dialects."""

from __future__ import annotations

import pytest

from qa.asking.colloquial import standard
from qa.asking.spelling import corrected, respelt

WRITTEN = {"الاحزاب": "الأحزاب", "المدينه": "المدينة", "محطات": "محطات", "المينا": "المينا", "الترام": "الترام"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("كم عدد احزاب المدينه؟", "كم عدد أحزاب المدينة؟"),
        ("ماذا قيل للاحزاب", "ماذا قيل للاحزاب"),
        ("الأحزاب في المدينة", "الأحزاب في المدينة"),
        ("parties 2020", "parties 2020"),
    ],
)
def test_hamzas_are_those_of_the_passages(typed: str, meant: str) -> None:
    assert respelt(typed, WRITTEN) == meant


def test_a_slip_is_put_right_only_in_a_word_that_nobody_has() -> None:
    assert corrected("كم محطلت الترام؟", WRITTEN, lambda _: False) == "كم محطات الترام؟"
    assert corrected("كم محطلت الترام؟", WRITTEN, lambda word: word == "محطلت") == "كم محطلت الترام؟"


def test_nothing_is_put_right_that_may_be_two_words() -> None:
    written = {"الوادي": "الوادي", "النادي": "النادي"}
    assert corrected("اين الحادي؟", written, lambda _: False) == "اين الحادي؟"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("شو هي عاصمة لبنان؟", "ما هي عاصمة لبنان؟"),
        ("وين المحطة وقديش طولها؟", "أين المحطة وقديش طولها؟"),
        ("إيه هو سبب التأخير؟", "ما هو سبب التأخير؟"),
        ("في أية سنة بدأ؟", "في أية سنة بدأ؟"),
        ("مين اللي فاز؟", "من الذي فاز؟"),
        ("متى بدأ المشروع؟", "متى بدأ المشروع؟"),
    ],
)
def test_question_words_become_standard_ones(typed: str, meant: str) -> None:
    assert standard(typed) == meant
