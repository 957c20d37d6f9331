"""Smalltalk is recognized, and questions about the articles are not mistaken for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from index.articles import Language
from index.retriever import Retriever
from qa.answer import Finished
from qa.assistant import Assistant
from qa.fakes import FakeLLM
from qa.query.smalltalk import KINDS, Kind, classify, pluralize_articles, reply, talk
from tests.conftest import SAMPLES


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Hello!", "greeting"),
        ("hi there", "greeting"),
        ("السلام عليكم ورحمة الله وبركاته", "greeting"),
        ("مرحباً يا جواب، كيف حالك؟", "greeting"),
        ("Thanks a lot, that helps!", "thanks"),
        ("شكراً، يعطيك العافية", "thanks"),
        ("شكراً جزيلاً لك", "thanks"),
        ("bye", "farewell"),
        ("What can you do?", "abilities"),
        ("Hello, what can you do?", "abilities"),
        ("مين أنت", None),
        ("من أنت؟", "abilities"),
        ("ما هي المقالات الموجودة؟", "collection"),
        ("What are these articles about?", "collection"),
        ("Hello, how many stations does the tram have?", None),
        ("What do you know about the tram?", None),
        ("شكراً، ومتى افتتح الترام؟", None),
        ("من فضلك", None),
        ("What did the minister thank them for?", None),
    ],
)
def test_smalltalk_is_distinguished_from_questions(said: str, kind: str | None) -> None:
    assert classify(said) == kind


def test_repetitive_text_is_classified_quickly() -> None:
    hostile = "what can i ask you " * 100 + "x"
    start = time.perf_counter()
    assert classify(hostile) is None
    assert time.perf_counter() - start < 5


def test_sample_questions_are_not_smalltalk() -> None:
    questions = [json.loads(line) for line in (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(questions) >= 30
    assert not [question["question"] for question in questions if classify(question["question"])]


@pytest.mark.parametrize("kind", KINDS)
def test_every_phrase_has_reply_in_both_languages(kind: Kind) -> None:
    languages: tuple[Language, ...] = ("ar", "en")
    for language in languages:
        for phrase in talk(language).phrases[kind]:
            assert classify(phrase) is not None, phrase
        said = reply(kind, language, ["Tram"], 3)
        assert said and "{" not in said


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "مقال واحد"), (2, "مقالان"), (5, "5 مقالات"), (24, "24 مقالاً"), (100, "100 مقال"), (103, "103 مقالات")],
)
def test_arabic_plural_of_articles(count: int, said: str) -> None:
    assert pluralize_articles(count, "ar") == said


@pytest.fixture
def assistant(
    write: Callable[[str, str], Path],
    indexed: Callable[[], object],
    retriever: Callable[[], Retriever],
    fake_generator: FakeLLM,
) -> Assistant:
    write("tram.txt", "The tram of Marsa\n\nThe tram has 24 stations.")
    indexed()
    return Assistant(retriever(), fake_generator)


@pytest.mark.parametrize(("said", "language"), [("What articles are there?", "en"), ("ما المقالات الموجودة؟", "ar")])
def test_smalltalk_record_is_declined_without_citations(said: str, language: str, assistant: Assistant) -> None:
    events = list(assistant.stream(said))
    assert len(events) == 1 and isinstance(events[0], Finished)
    record = events[0].answer.to_json()
    assert (record["talk"], record["status"], record["language"]) == ("collection", "declined", language)
    assert "The tram of Marsa" in record["answer"] and not record["citations"] and not record["passages"]


def test_question_record_has_no_talk_field(assistant: Assistant) -> None:
    assert "talk" not in assistant.ask("How many stations has the tram?").to_json()


def test_reply_for_empty_collection() -> None:
    assert reply("collection", "en", [], 0) == talk("en").nothing
    assert "Tram; “Sea”" in reply("collection", "en", ["Tram", "“Sea”."], 2)
