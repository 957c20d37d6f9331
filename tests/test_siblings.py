"""Siblings: generated news items that differ only in a detail, and which questions about them are answerable."""

from __future__ import annotations

import random
import re

from index.text.language import detect_language
from qa.training.examples import Source
from qa.training.siblings import siblings

SOURCES = siblings(3000, random.Random(0))


def test_answers_are_whole_words_of_the_text() -> None:
    for source in SOURCES:
        if source.answer:
            answer = source.paragraph[source.answer.start : source.answer.end]
            around = source.paragraph[max(0, source.answer.start - 1) : source.answer.end + 1]
            assert re.fullmatch(rf"[^\w,]?{re.escape(answer)}\W?", around), (source, answer)


def test_no_template_placeholder_is_left() -> None:
    assert not [source for source in SOURCES if re.search("[{}]", source.title + source.paragraph + source.question)]


def test_answerable_share_is_balanced_across_languages() -> None:
    pairs = {(a, q): [] for a in ("ar", "en") for q in ("ar", "en")}  # type: ignore[var-annotated]
    for source in SOURCES:
        pairs[detect_language(source.paragraph), detect_language(source.question)].append(source.answer is not None)
    for answered in pairs.values():
        assert len(answered) > 300
        assert 0.5 < sum(answered) / len(answered) < 0.7


def test_title_alone_decides_answerability() -> None:
    """A text that names no town only answers questions about the town in its title."""
    asked = [
        (source, _towns(source.title)[0], _towns(source.question)[0])
        for source in SOURCES
        if not _towns(source.paragraph)
        and len(_towns(source.question)) == len(_towns(source.title)) == 1
        and not _names_year(source.question)
    ]
    assert len(asked) > 100
    for source, of_title, of_question in asked:
        assert (source.answer is not None) == (of_title == of_question), source
    assert {source.answer is None for source, _, _ in asked} == {True, False}


def _towns(text: str) -> list[str]:
    return re.findall(r"(?:Wadi|Tell|Ain|Deir|Kafr|Bir|Ras|Burj|Qasr|Beit|Umm|Khan) [A-Z]\w+", text)


def _names_year(question: str) -> bool:
    return re.search(r" in \d{4}\?$", question) is not None


def test_held_out_events_are_not_in_training_set() -> None:
    held_out = {source.title.split()[0] for source in siblings(300, random.Random(1), validation=True)}
    assert len(held_out) > 1
    held_out_sentences = {s for source in siblings(300, random.Random(1), validation=True) for s in _sentences(source)}
    assert not held_out_sentences & {s for source in SOURCES for s in _sentences(source)}


def _sentences(source: Source) -> set[str]:
    """Sentences without placeholders, which belong to a single event."""
    return {sentence.strip() for sentence in source.paragraph.split(".") if len(sentence) > 20}


def test_date_alone_decides_answerability() -> None:
    asked = [source for source in SOURCES if _names_year(source.question)]
    for source in asked:
        assert (source.answer is not None) == (source.date[:4] == source.question[-5:-1])
    assert {source.answer is None for source in asked} == {True, False}


def test_same_seed_gives_same_questions() -> None:
    assert siblings(20, random.Random(3)) == siblings(20, random.Random(3))
