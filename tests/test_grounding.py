"""Verification of an answer: what its quotation bears out, yes or no, and lists."""

from __future__ import annotations

import pytest

from index.articles import Article, Span
from qa.citations import Located
from qa.evidence import Evidence
from qa.listing import expand, list_lines
from qa.query.countries import countries_in
from qa.query.names import CapitalTagger
from qa.query.understanding import understand
from qa.reader.extractive_qa import ReaderSignals
from qa.verification.grounding import Grounder, Grounding
from qa.verification.verifier import VerificationWeights, Verifier

TEXT = "The river rose at night. At Pennick Bridge 3,420 people left their homes. The mayor will not resign."


def located(
    phrase: str, sentence: str, text: str = TEXT, title: str = "Flood", date: str | None = "2022-11-18"
) -> Located:
    article = Article("a", title, text, "en", date=date)
    start = text.index(sentence)
    at = text.index(phrase, start)
    evidence = Evidence(article, Span(start, start + len(sentence)), sentence, 0.5, 0.5)
    return Located(evidence, Span(at, at + len(phrase)))


PEOPLE = located("3,420", "At Pennick Bridge 3,420 people left their homes.")


def grounding(question: str, phrase: Located = PEOPLE) -> Grounding:
    return Grounder(understand(question, CapitalTagger())).ground(phrase)


def test_what_is_borne_out_has_no_signal() -> None:
    found = grounding("How many people left their homes at Pennick Bridge in 2022?")
    assert found.values() == (0.0,) * len(found.values())


@pytest.mark.parametrize(
    ("question", "signal"),
    [
        ("How many people left their homes at Sallow Weir?", "names_absent"),
        ("How many people left their homes at Pennick Bridge in 2019?", "numbers_absent"),
        ("How many of the 5,000 people left?", "numbers_absent"),
    ],
)
def test_what_is_not_borne_out_has_a_signal(question: str, signal: str) -> None:
    assert getattr(grounding(question), signal) > 0


@pytest.mark.parametrize(
    ("question", "absent"),
    [
        ("How many Syrian people left their homes?", 1),
        ("كم شخصا سوريا غادر منزله؟", 1),
        ("How many people left their homes?", 0),
    ],
)
def test_a_country_that_the_article_lacks_is_told_in_both_languages(question: str, absent: float) -> None:
    assert grounding(question).names_absent == absent


def test_an_adjective_of_a_country_is_borne_out_by_the_country() -> None:
    text = "Iraq's marshes were flooded, and 40 birds came back."
    assert grounding("How many Iraqi birds came back?", located("40", text, text)).names_absent == 0


@pytest.mark.parametrize(
    ("text", "countries"),
    [
        ("المتحدث باسم الجيش السوري", {"syria"}),
        ("القوات الأمريكية في العراق", {"america", "iraq"}),
        ("the French and the Germans", {"france", "germany"}),
        ("مصرف في تركيب", set()),
    ],
)
def test_countries_and_their_adjectives(text: str, countries: set[str]) -> None:
    assert countries_in(text) == countries


def test_verifier_weighs_reader_and_grounding() -> None:
    zero = Grounding(*[0.0] * len(PEOPLE_SIGNALS))
    absent = Grounding(-9.0, *[0.0] * (len(PEOPLE_SIGNALS) - 1))
    signals = ReaderSignals(margin=2.0, evidence=0.5, answerable=1.0)
    asked = understand("How many people left their homes at Sallow Weir?", CapitalTagger())
    for weights, certain in ((zero, True), (absent, False)):
        weighed = VerificationWeights(ReaderSignals(1.0, 0.0, 0.0), weights, bias=0.0)
        assert (Verifier(asked, weighed)(signals, PEOPLE) > 0.5) is certain


PEOPLE_SIGNALS = grounding("How many?").values()


@pytest.mark.parametrize(
    ("sentence", "phrase", "whole"),
    [
        ("The treaty was signed by Nuwar, Umm Sidra and Port Lorne.", "Umm Sidra", "Umm Sidra and Port Lorne"),
        ("The treaty was signed by Nuwar, Umm Sidra and Port Lorne.", "Nuwar", "Nuwar, Umm Sidra and Port Lorne"),
        ("وقّعت المعاهدة نوار، وأم سدرة، وبرج الندى.", "نوار", "نوار، وأم سدرة، وبرج الندى"),
        ("It was signed by Nuwar.", "Nuwar", "Nuwar"),
    ],
)
def test_a_phrase_is_widened_to_its_enumeration(sentence: str, phrase: str, whole: str) -> None:
    assert expand(located(phrase, sentence, sentence)).text == whole


def test_lines_of_a_list_are_all_answers() -> None:
    text = "Bring to the fair:\n- two lemons\n- a sack of flour\n- salt\n\nCome early."
    lines = list_lines(located("salt", "- salt", text))
    assert [line.text for line in lines] == ["- two lemons", "- a sack of flour", "- salt"]
    assert list_lines(located("early", "Come early.", text)) == []
