"""Whether a sentence is supported by its quotation: numbers, names, dates, negation."""

from __future__ import annotations

from fractions import Fraction

import pytest

from qa.verification.calendar import months, weekdays
from qa.verification.faithfulness import Sources, check_sentence
from qa.verification.names import misspelled_names, unsupported_names
from qa.verification.numbers import parse_numbers, possible_values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("خمسة وعشرون شخصاً", [25]),
        ("ألف وتسعمئة وستة وخمسون", [1956]),
        ("مئتان وخمسون ألف نخلة", [250_000]),
        ("ستة آلاف وخمسمئة", [6500]),
        ("خمسة عشر طالباً واثنا عشر معلماً", [15, 12]),
        ("في الخامس والعشرين من آذار ٢٠٢١", [25, 2021]),
        ("الثاني عشر من مايو", [12]),
        ("٢٬٥٠٠ جندي و40 ألف طن", [2500, 40_000]),
        ("نحو 30 بالمئة من السكان", [30]),
        ("في عام 1956 وثلاثة أشخاص", [1956, 3]),
        ("twenty-five ships and one hundred and five boats", [25, 105]),
        ("two dozen boats, 2.5 million people", [24, 2_500_000]),
        ("the twenty-fifth of May", [25]),
        ("two thirds, ثلاثة أرباع", [Fraction(2, 3), Fraction(3, 4)]),
        ("thousands of people, one of them the first", []),
        ("nothing to count", []),
    ],
)
def test_parses_numbers_in_digits_and_words(text: str, said: list[int | Fraction]) -> None:
    assert [one.readings for one in parse_numbers(text)] == [frozenset({Fraction(number)}) for number in said]


@pytest.mark.parametrize(
    ("text", "number", "meant"),
    [
        ("a third of them", Fraction(1, 3), True),
        ("the third round", Fraction(3), True),
        ("خمس السكان", Fraction(1, 5), True),
        ("جولتان", Fraction(2), True),
        ("خمسة وعشرون", Fraction(5), True),
        ("خمسة وعشرون", Fraction(52), False),
        ("2,500", Fraction(2), False),
        ("three and a half centimetres", Fraction(7, 2), True),
        ("ثلاثة ونصف", Fraction(7, 2), True),
    ],
)
def test_possible_values_include_ambiguous_readings(text: str, number: Fraction, meant: bool) -> None:
    assert (number in possible_values(text)) is meant


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("في السابع من نيسان/أبريل", {4}),
        ("They may go in May 2021", {5}),
        ("They may go", set()),
        ("منذ كانون الثاني", {1}),
        ("أب العائلة", set()),
        ("في آب 2020", {8}),
        ("بين تشرين الأول وديسمبر", {10, 12}),
    ],
)
def test_finds_months_in_all_naming_systems(text: str, found: set[int]) -> None:
    assert months(text) == found


def test_finds_weekdays_with_attached_prefixes() -> None:
    assert weekdays("مساء السبت والجمعة") == weekdays("on Friday and Saturday") == {4, 5}


ARABIC_QUOTE = "قال المتحدث باسم البنتاغون جون كيربي إن المفاوضات بدأت في نيسان."
ENGLISH_QUOTE = "Samira Haddad has run the line since April, the Guardian of Tunis wrote on 7 May."


@pytest.mark.parametrize(
    ("sentence", "found"),
    [
        ("The spokesman is John Kirby.", []),
        ("The spokesman is John Kerry.", ["kerry"]),
        ("The American spokesman said so.", []),
        ("Jon Kirby speaks for the Pentagon.", []),
    ],
)
def test_near_match_of_article_name_is_misspelled(sentence: str, found: list[str]) -> None:
    assert misspelled_names(sentence, [ARABIC_QUOTE]) == found


def test_name_missing_from_same_language_quotation_is_unsupported() -> None:
    assert unsupported_names("Samira Haddad of Tunis ran it.", [ENGLISH_QUOTE]) == []
    assert unsupported_names("Amira Haddad of Sfax ran it.", [ENGLISH_QUOTE]) == ["amira", "sfax"]


@pytest.mark.parametrize(
    ("sentence", "question", "quote", "phrase", "kinds"),
    [
        ("The spokesman is John Kirby.", "Who is the spokesman?", ARABIC_QUOTE, "جون كيربي", []),
        ("The spokesman is John Kerry.", "Who is the spokesman?", ARABIC_QUOTE, "جون كيربي", ["name"]),
        ("They began in April.", "When did they begin?", ARABIC_QUOTE, "نيسان", []),
        ("They began in March.", "When did they begin?", ARABIC_QUOTE, "نيسان", ["date"]),
        ("الحكم هي سميرة حداد.", "من الحكم؟", ENGLISH_QUOTE, "Samira Haddad", []),
        ("الحكم هي سميرة مداد.", "من الحكم؟", ENGLISH_QUOTE, "Samira Haddad", ["name"]),
        ("It has twenty-four lamps.", "How many lamps?", "فيه ٢٤ مصباحاً.", "٢٤", []),
        ("It has 42 lamps.", "How many lamps?", "فيه ٢٤ مصباحاً.", "٢٤", ["phrase", "number"]),
        ("Some lamps are there.", "How many lamps?", "فيه ٢٤ مصباحاً.", "٢٤", ["phrase"]),
        ("فيه ٢٤ مصباحاً.", "How many lamps?", "فيه ٢٤ مصباحاً.", "٢٤", ["language"]),
        (" ", "How many lamps?", "فيه ٢٤ مصباحاً.", "٢٤", ["empty"]),
        ("متى تم افتتاح المسرح عام 1950.", "متى تم افتتاح المسرح؟", "افتُتح المسرح عام 1950.", "1950", ["form"]),
        ("تم افتتاح المسرح عام 1950.", "متى تم افتتاح المسرح؟", "افتُتح المسرح عام 1950.", "1950", []),
        ("When it opened it had 24 lamps.", "When did it open?", "When it opened it had 24 lamps.", "24", []),
    ],
)
def test_classifies_content_not_supported_by_quotation(
    sentence: str, question: str, quote: str, phrase: str, kinds: list[str]
) -> None:
    assert [fault.kind for fault in check_sentence(sentence, Sources(question, quote, phrase))] == kinds
