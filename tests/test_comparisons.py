"""Answers to questions that compare: each value quoted by its thing, ties, units, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from index.articles import Language, Span
from index.retriever import Retriever
from qa.comparison.answers import compare
from qa.comparison.sub_questions import owner_question, value_question
from qa.comparison.values import ValueFinder
from qa.composed import ComposedAnswer
from qa.composed_texts import texts
from qa.query.comparison_question import ComparisonQuestion
from qa.query.question import language_to_answer_in
from qa.reader.base import Context, ReaderOutput, ScoredSpan

HERON = {"id": "heron", "title": "Heron bridge reopens", "text": "The bridge, built in 1931, is 120 metres long."}
PALM = {"id": "palm", "title": "Fifty years", "text": "The Palm bridge of 1971 is 0.09 km long."}
MILL = {"id": "mill", "title": "Mill", "text": "The Mill bridge is 90 metres long."}
COUNCIL = {
    "id": "council",
    "title": "Two new faces",
    "text": "Hanna Lindqvist, 34, a vet, and Per Aalto, 41, were elected. Lindqvist had 1,204 votes and Aalto 987.",
}
WHEAT = (
    {"id": "sindyan", "title": "حصاد القمح في وادي السنديان", "text": "انتهى الحصاد أمس، وبلغ المحصول 340 طنا."},
    {"id": "zaytouna", "title": "حصاد القمح في تل الزيتونة", "text": "بلغ محصول القمح ٤١٥ طنا."},
)

LONGER = ComparisonQuestion("Which is longer, the Palm bridge or the Heron bridge?", "which",
                            ("the Palm bridge", "the Heron bridge"))  # fmt: skip
LENGTHS = {"the Palm bridge": "0.09 km", "the Heron bridge": "120 metres", "the Mill bridge": "90 metres"}


class ScriptedReader:
    """Reader that has learnt which phrase answers which sub-question; of all others it says that nothing does."""

    name = "scripted"

    def __init__(self, phrases: Mapping[str, str]) -> None:
        self._phrases = phrases

    def prepare(self) -> None: ...

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def read(self, question: str, contexts: Sequence[Context]) -> list[ReaderOutput]:
        return [self._read(self._phrases.get(question), context.text) for context in contexts]

    def _read(self, phrase: str | None, text: str) -> ReaderOutput:
        found = [] if phrase is None else [text.find(one) for one in phrase.split("|") if one in text]
        lengths = {text.find(one): len(one) for one in (phrase or "").split("|")}
        spans = tuple(ScoredSpan(Span(at, at + lengths[at]), 16.0) for at in found)
        return ReaderOutput(spans, 6.0, items=spans)


Compare = Callable[..., ComposedAnswer | None]


@pytest.fixture
def compared(
    write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
) -> Compare:
    def ask(
        asked: ComparisonQuestion,
        articles: Sequence[Mapping[str, str]],
        values: Mapping[str, str],
        owners: Mapping[str, str] | None = None,
    ) -> ComposedAnswer | None:
        write("a.jsonl", "\n".join(json.dumps(article, ensure_ascii=False) for article in articles))
        indexed()
        phrases = {value_question(asked.question, thing): value for thing, value in values.items()}
        phrases |= {owner_question(asked.question, value): owner for value, owner in (owners or {}).items()}
        opened = retriever()
        finder = ValueFinder(
            asked, lambda question, count: opened.search(question, count, literally=False), ScriptedReader(phrases)
        )
        return compare(asked, finder, language_to_answer_in(asked.question))

    return ask


def lines(answer: ComposedAnswer | None) -> list[str]:
    assert answer
    return [statement.text for statement in answer.statements]


def test_longer_of_two_is_found_across_units(compared: Compare) -> None:
    answer = compared(LONGER, [HERON, PALM], LENGTHS)
    assert lines(answer) == ["The Heron bridge", "The Palm bridge: 0.09 km", "The Heron bridge: 120 metres"]
    assert answer and answer.short_answer == "Heron bridge" and answer.verdict is None
    assert 0 < answer.confidence < 1


def test_every_value_is_quoted(compared: Compare) -> None:
    answer = compared(LONGER, [HERON, PALM], LENGTHS)
    assert answer
    first, palm, heron = ([q.evidence.text for q in statement.quotations] for statement in answer.statements)
    assert (palm, heron) == ([PALM["text"]], [HERON["text"]]) and set(first) == {*palm, *heron}


@pytest.mark.parametrize(
    ("things", "most", "verdict", "first"),
    [
        (("the Heron bridge", "the Palm bridge"), True, True, "Yes"),
        (("the Palm bridge", "the Heron bridge"), True, False, "No"),
        (("the Palm bridge", "the Heron bridge"), False, True, "Yes"),
    ],
)
def test_whether_is_yes_if_the_first_thing_wins(
    compared: Compare, things: tuple[str, ...], most: bool, verdict: bool, first: str
) -> None:
    asked = ComparisonQuestion(f"Is {things[0]} longer than {things[1]}?", "whether", things, most)
    answer = compared(asked, [HERON, PALM], LENGTHS)
    assert answer and (answer.verdict, lines(answer)[0]) == (verdict, first)


def test_difference_and_sum_are_computed(compared: Compare) -> None:
    things = LONGER.things
    difference = ComparisonQuestion("How much longer is the Palm bridge than the Heron bridge?", "difference", things)
    assert lines(compared(difference, [HERON, PALM], LENGTHS))[0] == "The difference is 30 m"
    together = ComparisonQuestion("How long are the Palm bridge and the Heron bridge together?", "sum", things)
    assert lines(compared(together, [HERON, PALM], LENGTHS))[0] == "Together: 210 m"


def test_missing_value_declines(compared: Compare) -> None:
    assert compared(LONGER, [HERON, PALM], {"the Palm bridge": "0.09 km"}) is None


def test_phrase_without_a_quantity_is_no_value(compared: Compare) -> None:
    assert compared(LONGER, [HERON, PALM], LENGTHS | {"the Heron bridge": "long"}) is None


def test_one_value_is_not_that_of_two_things(compared: Compare) -> None:
    assert compared(LONGER, [HERON, PALM], LENGTHS | {"the Heron bridge": "0.09 km"}) is None


def test_equal_values_are_said_to_be_equal(compared: Compare) -> None:
    things = ("the Palm bridge", "the Mill bridge")
    which = ComparisonQuestion("Which is longer, the Palm bridge or the Mill bridge?", "which", things)
    answer = compared(which, [MILL, PALM], LENGTHS)
    assert lines(answer)[0] == "The Palm bridge and the Mill bridge are equal: 0.09 km"
    assert answer and answer.short_answer is None
    whether = ComparisonQuestion("Is the Palm bridge longer than the Mill bridge?", "whether", things)
    answer = compared(whether, [MILL, PALM], LENGTHS)
    assert answer and answer.verdict is False and lines(answer)[0] == "No, they are equal: 0.09 km"


def test_units_that_cannot_be_compared_decline(compared: Compare) -> None:
    articles = [
        {"id": "a", "title": "A", "text": "A ticket to Arden costs €9."},
        {"id": "b", "title": "B", "text": "A ticket to Brill costs £8."},
    ]
    asked = ComparisonQuestion("Which is cheaper, a ticket to Arden or to Brill?", "which", ("Arden", "Brill"), False)
    assert compared(asked, articles, {"Arden": "€9", "Brill": "£8"}) is None


def test_years_are_compared_as_dates(compared: Compare) -> None:
    asked = ComparisonQuestion(
        "Which is older, the Palm bridge or the Heron bridge?", "which", LONGER.things, True, False
    )
    answer = compared(asked, [HERON, PALM], {"the Palm bridge": "1971", "the Heron bridge": "1931"})
    assert lines(answer)[0] == "The Heron bridge"


def test_ages_are_compared_as_numbers(compared: Compare) -> None:
    things = ("Hanna Lindqvist", "Per Aalto")
    asked = ComparisonQuestion("Who is older, Hanna Lindqvist or Per Aalto?", "which", things, True, False)
    answer = compared(asked, [COUNCIL], {"Hanna Lindqvist": "34", "Per Aalto": "41"})
    assert lines(answer) == ["Per Aalto", "Hanna Lindqvist: 34", "Per Aalto: 41"]


def test_winner_is_quoted_in_the_articles_spelling(compared: Compare) -> None:
    things = ("وادي السنديان", "تل الزيتونه")
    asked = ComparisonQuestion("أيهما حصد قمحا أكثر، وادي السنديان أم تل الزيتونه؟", "which", things)
    answer = compared(asked, WHEAT, {"وادي السنديان": "340 طنا", "تل الزيتونه": "٤١٥ طنا"})
    assert answer and answer.short_answer == "تل الزيتونة"


def test_digits_are_those_of_the_question(compared: Compare) -> None:
    things = ("وادي السنديان", "تل الزيتونة")
    asked = ComparisonQuestion("كم ٢ الفرق بين وادي السنديان وتل الزيتونة؟", "difference", things)
    answer = compared(asked, WHEAT, {"وادي السنديان": "340 طنا", "تل الزيتونة": "٤١٥ طنا"})
    assert lines(answer)[0] == "الفرق ٧٥ طن"


def test_unnamed_things_are_named_by_their_owners(compared: Compare) -> None:
    asked = ComparisonQuestion("Which bridge is the longest?", "which", ())
    owners = {"120 metres": "Heron bridge", "0.09 km": "Palm bridge"}
    answer = compared(asked, [HERON, PALM], {"": "120 metres|0.09 km"}, owners)
    assert lines(answer)[0] == "Heron bridge"
    assert answer and answer.short_answer == "Heron bridge"


def test_one_of_a_kind_is_not_the_most(compared: Compare) -> None:
    asked = ComparisonQuestion("Which bridge is the longest?", "which", ())
    assert compared(asked, [HERON], {"": "120 metres"}, {"120 metres": "Heron bridge"}) is None


def test_braces_in_articles_and_questions_are_data(compared: Compare) -> None:
    articles = [
        {"id": "a", "title": "A", "text": "The {value} bridge is 5 m long."},
        {"id": "b", "title": "B", "text": "The {0} arch bridge is 6 m long."},
    ]
    things = ("the {value} bridge", "the {0} arch bridge")
    asked = ComparisonQuestion("Which is longer, the {value} bridge or the {0} arch bridge?", "which", things)
    assert lines(compared(asked, articles, dict(zip(things, ("5 m", "6 m"), strict=True))))[0] == "The {0} arch bridge"


def test_question_about_one_thing_does_not_name_the_others() -> None:
    assert LONGER.about("the Palm bridge") == "Which is longer, the Palm bridge or ?"


@pytest.mark.parametrize("language", ["en", "ar"])
def test_both_languages_have_the_same_texts(language: Language) -> None:
    assert texts(language)["comparison"].keys() == texts("en")["comparison"].keys()
