"""Swaps: an answerable question becomes one that the same paragraph does not answer, in Arabic and in English."""

from __future__ import annotations

import random

import pytest

from qa.training.swaps import Swapper, details

OTHERS = (
    "Who led Salwan in 1931?", "How many of the 7,200 people of Port Nasim voted?", "When did Kafr Bardi open?",
    "كم بلغ سكان مدينة الخصيب عام 1987؟", "متى تأسست شركة النور؟", "من حكم وادي الزيتون؟",
)  # fmt: skip
KNOWN = ("سلوان", "الخصيب", "النور", "وادي الزيتون")
TRAM = "The tram of Marsa Nawras opened in 2021 with 11 stops. The first driver was Salma Haddad."
LIBRARY = "افتتحت مكتبة مدينة سلوان عام 2020. تضم 20000 كتاب. فاز المهندس كريم بالجائزة."


def swaps_of(question: str, paragraph: str) -> dict[str, set[str]]:
    """Every swap made in fifty draws, by kind."""
    found: dict[str, set[str]] = {}
    for seed in range(50):
        swapped = Swapper(OTHERS, random.Random(seed), KNOWN).swap(question, paragraph)
        if swapped:
            found.setdefault(swapped.kind, set()).add(swapped.question)
    return found


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who drove the tram of Marsa Nawras?", ["Marsa Nawras"]),
        ("What did Nikola Tesla show in 1893?", ["Nikola Tesla", "1893"]),
        ("In the 19th century, how many of 1,500 ships left Port Said?", ["1,500", "Port Said"]),
        ("كم عدد سكان مدينة سلوان عام 2020؟", ["سلوان", "2020"]),
        ("من حكم وادي الزيتون؟", ["وادي الزيتون"]),
        ("كيف حال البلاد؟", []),
        ("Who is he?", []),
        ("أين تقع؟", []),
    ],
)
def test_details_finds_names_and_numbers(question: str, expected: list[str]) -> None:
    assert [question[start:end] for _, start, end in details(question, KNOWN)] == expected


def test_details_are_swapped_within_their_kind() -> None:
    found = swaps_of("Who drove the tram of Marsa Nawras in 2021?", TRAM)
    assert found["name"] == {
        f"Who drove the tram of {name} in 2021?" for name in ("Salwan", "Port Nasim", "Kafr Bardi")
    }
    assert found["year"] == {f"Who drove the tram of Marsa Nawras in {year}?" for year in (1931, 1987)}


def test_detail_missing_from_paragraph_is_not_swapped() -> None:
    assert "name" not in swaps_of("Who drove the tram of Cairo?", TRAM)


def test_replacement_is_never_in_paragraph() -> None:
    held = TRAM + " Salwan, Port Nasim and Kafr Bardi have none."
    assert "name" not in swaps_of("Who drove the tram of Marsa Nawras?", held)


def test_names_are_swapped_within_their_script() -> None:
    found = swaps_of("كم عدد كتب مكتبة مدينة سلوان؟", LIBRARY)
    assert found["name"] == {f"كم عدد كتب مكتبة مدينة {name}؟" for name in ("الخصيب", "النور", "وادي الزيتون")}


def test_name_is_taken_from_similar_question() -> None:
    others = ("When was Nikola Tesla born?", "When was the Eiffel Tower built?", "When was Marie Curie born?")
    kinds = {Swapper((*others, "Where is Port Said?"), random.Random(seed)).swap("Where is Salwan?", "Salwan is here.")
             for seed in range(9)}  # fmt: skip
    assert {swapped.question for swapped in kinds if swapped} == {"Where is Port Said?"}


@pytest.mark.parametrize(
    ("question", "paragraph", "expected"),
    [
        ("When was the line opened?", TRAM, "When was the line closed?"),
        ("من فاز بالجائزة؟", LIBRARY, "من خسر بالجائزة؟"),
    ],
)
def test_predicates_are_reversed(question: str, paragraph: str, expected: str) -> None:
    assert swaps_of(question, paragraph) == {"opposite": {expected}}


def test_predicate_is_not_reversed_if_paragraph_has_opposite() -> None:
    assert swaps_of("When was the line opened?", TRAM + " It closed in 2023.") == {}


def test_question_without_details_has_no_swap() -> None:
    assert swaps_of("Who is he?", TRAM) == {}
