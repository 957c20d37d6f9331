"""Siblings: news items that are alike but for a detail, and what of them is answered."""

from __future__ import annotations

import random
import re

from index.text.language import detect_language
from qa.training.siblings import siblings

SOURCES = siblings(3000, random.Random(0))


def test_answers_are_whole_words_of_the_text() -> None:
    for source in SOURCES:
        if source.answer:
            answer = source.paragraph[source.answer.start : source.answer.end]
            around = source.paragraph[max(0, source.answer.start - 1) : source.answer.end + 1]
            assert re.fullmatch(rf"[^\w,]?{re.escape(answer)}\W?", around), (source, answer)


def test_no_slot_is_left_open() -> None:
    assert not [source for source in SOURCES if re.search("[{}]", source.title + source.paragraph + source.question)]


def test_about_as_many_are_answered_as_not_in_both_languages_and_across() -> None:
    pairs = {(a, q): [] for a in ("ar", "en") for q in ("ar", "en")}  # type: ignore[var-annotated]
    for source in SOURCES:
        pairs[detect_language(source.paragraph), detect_language(source.question)].append(source.answer is not None)
    for answered in pairs.values():
        assert len(answered) > 300
        assert 0.35 < sum(answered) / len(answered) < 0.65


def test_what_the_title_alone_tells_apart() -> None:
    """The same sentence answers under the right title, and not under another's."""
    asked = [source for source in SOURCES if source.paragraph.startswith("It is ") and "long is" in source.question]
    for source in asked:
        town = source.title.removeprefix("The bridge of ")
        assert (source.answer is not None) == source.question.endswith(f" of {town}?")
    assert {source.answer is None for source in asked} == {True, False}


def test_what_the_date_alone_tells_apart() -> None:
    asked = [source for source in SOURCES if re.search(r" in \d{4}\?$", source.question)]
    for source in asked:
        assert (source.answer is not None) == (source.date[:4] == source.question[-5:-1])
    assert {source.answer is None for source in asked} == {True, False}


def test_the_same_seed_makes_the_same_questions() -> None:
    assert siblings(20, random.Random(3)) == siblings(20, random.Random(3))
