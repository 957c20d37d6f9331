"""Tokens for keyword search: which word forms match, which do not, and each normalization step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from index.text.words import ALL, NormalizationSteps, content_words, normalize_tokens, query_tokens, with_clitics


@pytest.mark.parametrize(
    "spellings",
    [
        "إدارة ادارة اداره الإدارة والإدارة بالإدارة للإدارة لإدارة إدارات",
        "كتاب الكتاب بكتاب وكتاب كالكتاب وبالكتاب كتابه كتابها",
        "شركة الشركة شركات الشركات للشركة وشركة",
        "مستشفى مستشفي المستشفى لمستشفى",
        "مُدَرِّسَة مدرسة مـدرسـة المدرّسة",
        "مسؤول مسوول",
        "٢٠٢٢ 2022 ۲۰۲۲",
        "١٬٥٠٠ 1,500 1500",
        "walk walks walking walked Walking",
        "Café cafe CAFÉ",
    ],
)
def test_word_forms_share_tokens(spellings: str) -> None:
    assert len({tuple(normalize_tokens(word)) for word in spellings.split()}) == 1


@pytest.mark.parametrize(
    "words", ["كتاب كتابة مكتبة", "ولد والد", "قلم علم", "عام علم", "2022 2023", "1,5 15", "walk talk"]
)
def test_different_words_have_different_tokens(words: str) -> None:
    one, other = (tuple(normalize_tokens(word)) for word in words.split()[-2:])
    assert one != other


@pytest.mark.parametrize(
    ("off", "one", "other"),
    [
        (replace(ALL, alefs=False), "أحمد", "احمد"),
        (replace(ALL, endings=False, arabic="none"), "مدرسة", "مدرسه"),
        (replace(ALL, marks=False), "مُدَرِّس", "مدرس"),
        (replace(ALL, digits=False), "٢٠٢٢", "2022"),
        (replace(ALL, clitics=False), "والمدرسة", "مدرسة"),
        (replace(ALL, prepositions=False), "بمدرسة", "مدرسة"),
        (replace(ALL, arabic="none"), "مدرسون", "مدرسين"),
        (replace(ALL, english=False), "walking", "walks"),
    ],
)
def test_each_normalization_step_is_needed(off: NormalizationSteps, one: str, other: str) -> None:
    assert normalize_tokens(one) == normalize_tokens(other)
    assert normalize_tokens(one, off) != normalize_tokens(other, off)


def test_snowball_stemmer_is_supported() -> None:
    steps = replace(ALL, arabic="snowball")
    assert normalize_tokens("المدرسة", steps) == normalize_tokens("مدرسة", steps) != ["مدرسة"]


def test_tokens_keep_order_and_stop_words() -> None:
    assert normalize_tokens("To be, or not to be: 2 cats") == ["to", "be", "or", "not", "to", "be", "2", "cat"]


def test_query_tokens_drop_stop_words_and_duplicates() -> None:
    assert query_tokens("What is the capital of the Capital's country?") == {
        "capital": "capit",
        "country": "countri",
    }
    assert list(query_tokens("ما هي عاصمة المملكة؟ وما هي العاصمة؟")) == ["عاصمه", "المملكه", "العاصمه"]
    assert query_tokens("من هو؟ Who is it?") == {}


@pytest.mark.parametrize("text", ["", "؟!… «»", "\"'*():^-+", "\x00\ud800", "ـ", "_", "َ", "🙂"])
def test_text_without_letters_has_no_tokens(text: str) -> None:
    assert normalize_tokens(text) == [] == list(query_tokens(text))


def test_tokens_are_alphanumeric() -> None:
    for word in normalize_tokens('a"b* NEAR(c) ن"م* x_y {z} ٣^٤ e\u0301'):
        assert word.isalnum()


def test_with_clitics_adds_arabic_prefixes() -> None:
    assert {"البنك", "والبنك", "للبنك", "وللبنك", "بالبنك", "فالبنك"} <= set(with_clitics("البنك"))
    assert {"وزارة", "ووزارة", "لوزارة", "بوزارة"} <= set(with_clitics("وزارة"))
    assert with_clitics("bank") == ["bank"]


def test_content_words_are_stemmed_without_prefix() -> None:
    assert content_words("ما هي المدرسة؟") == {"مدرسه"}
    assert content_words("withdrawal of the withdraw") == content_words("withdraw")
