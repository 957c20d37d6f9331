"""Catalogue questions in any wording: what is asked for from the intent, names and periods from the catalogue."""

from __future__ import annotations

import pytest

from index.publications import Publication, Publications
from qa.query.catalog_loosely import read_loosely
from qa.query.intent import Intent, Intents

PUBLICATIONS = Publications(
    [
        Publication(1, "mill", "en", "2024-05-03", 1.0, "The Harbour Post", "Huda Kassar", False),
        Publication(2, "وادي", "ar", "2023-01-09", 1.0, "صدى الجرد", "سهام القيسي", False),
    ]
)
GENERIC = frozenset({"piec", "piece", "whose", "show", "everyth", "everything", "came"})


def read(question: str, intent: Intent, probability: float = 0.95) -> tuple[str | None, ...] | None:
    asked = read_loosely(question, Intents({intent: probability}, GENERIC), PUBLICATIONS)
    if asked is None:
        return None
    return asked.wanted, asked.topic, asked.author, asked.source, asked.since, asked.until


@pytest.mark.parametrize(
    ("question", "intent", "understood"),
    [
        ("Whose piece on kites is it?", "author", ("author", "kites", None, None, None, None)),
        ("show me everything Huda Kassar wrote", "articles", ("list", "wrote", "Huda Kassar", None, None, None)),
        (
            "How many in the Harbour Post since 2023?",
            "count",
            ("count", "", None, "The Harbour Post", "2023", None),
        ),
        ("كم نصا لسهام القيسي؟", "count", ("count", "", "سهام القيسي", None, None, None)),
    ],
)
def test_names_and_periods_are_conditions(question: str, intent: Intent, understood: tuple[str | None, ...]) -> None:
    assert read(question, intent) == understood


def test_name_of_author_is_topic_where_author_is_asked() -> None:
    assert read("Whose piece about Huda Kassar is it?", "author") == ("author", "Huda Kassar", None, None, None, None)


def test_question_that_names_no_article_is_not_read() -> None:
    assert read("Whose piece?", "author") is None


@pytest.mark.parametrize(("probability", "certain"), [(0.95, True), (0.6, False)])
def test_certainty_follows_probability(probability: float, certain: bool) -> None:
    asked = read_loosely("Whose piece on kites?", Intents({"author": probability}, GENERIC), PUBLICATIONS)
    assert asked and asked.certain is certain


def test_unlikely_intent_is_not_read() -> None:
    assert read("Whose piece on kites?", "author", 0.4) is None
    assert read("Whose piece on kites?", "list") is None
