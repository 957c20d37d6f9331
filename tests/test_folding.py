"""Arabic-aware folding, and mapping spans back to the original."""

from __future__ import annotations

import random

import pytest

from index.text.folding import fold, fold_text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("أحمد", "احمد"),
        ("إدارة", "اداره"),
        ("آب", "اب"),
        ("مصطفى", "مصطفي"),
        ("مسؤول", "مسوول"),
        ("هَيئة", "هييه"),
        ("الإِدَارَةُ", "الادارة"),
        ("العـــراق", "العراق"),
        ("ﻻ ﺇﻟﻪ", "لا إله"),
        ("٢٥٠٠ و۲۵۰۰", "2500 و2500"),
        ("Kádár", "kadar"),
        ("ا\u0655لى", "الي"),
        ("مر\u200fحبا\u202e", "مرحبا"),
        ("کتاب", "كتاب"),
    ],
)
def test_spelling_variants_fold_to_same_text(one: str, other: str) -> None:
    assert fold_text(one) == fold_text(other)


@pytest.mark.parametrize(("one", "other"), [("كتب", "كتاب"), ("سبت", "صبت"), ("12", "21"), ("علي", "عالي")])
def test_different_words_fold_differently(one: str, other: str) -> None:
    assert fold_text(one) != fold_text(other)


def test_to_original_returns_span_with_diacritics() -> None:
    original = "قالت الإِدارةُ إنّ ﻻ أحد يعلم"
    folded = fold(original)
    start = folded.text.index("الاداره")
    span = folded.to_original(start, start + len("الاداره"))
    assert original[span.start : span.end] == "الإِدارةُ"
    start = folded.text.index("لا احد")
    span = folded.to_original(start, start + len("لا احد"))
    assert original[span.start : span.end] == "ﻻ أحد"


def test_offsets_are_valid_for_random_text() -> None:
    alphabet = "ab ١2لاإأآىةئؤُـﻻﻼ\u200f\u202eéß😀\n"
    choose = random.Random(1)
    for _ in range(300):
        original = "".join(choose.choices(alphabet, k=choose.randrange(30)))
        folded = fold(original)
        assert folded.text == fold_text(original)
        assert len(folded.offsets) == len(folded.text)
        assert list(folded.offsets) == sorted(folded.offsets)
        for start in range(len(folded.text)):
            span = folded.to_original(start, len(folded.text))
            assert 0 <= span.start < span.end <= len(original)
