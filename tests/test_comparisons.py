"""Answers to questions that compare: each value quoted, another thing's value refused, ties, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from index.articles import Language, Span
from index.retriever import Hit, Retriever
from qa.citations import Located
from qa.comparison.answers import compare
from qa.comparison.values import MAX_READINGS
from qa.composed import ComposedAnswer
from qa.composed_texts import texts
from qa.evidence import Evidence
from qa.query.comparison_question import parse_comparison
from qa.query.question import language_to_answer_in
from qa.reader.extractive_qa import ExtractedAnswer

HERON = {
    "id": "heron",
    "title": "Heron bridge reopens",
    "date": "2021-03-04",
    "text": "The Heron bridge was opened again on Monday. Mayor Ellen Varga crossed it first. "
    "The bridge, built in 1931, is 120 metres long.",
}
PALM = {
    "id": "palm",
    "title": "Fifty years",
    "date": "2020-06-11",
    "text": "The Palm bridge is 0.09 km long. The Heron bridge is older.",
}
PLANNED = {
    "id": "cedar",
    "title": "A drawing",
    "date": "2022-06-11",
    "text": "The Poplar bridge will be 200 metres long.",
}
COUNCIL = {
    "id": "council",
    "title": "Two new faces",
    "date": "2023-05-09",
    "text": "Hanna Lindqvist, 34, a vet, and Per Aalto, 41, were elected. Lindqvist had 1,204 votes and Aalto 987.",
}
CONTEST = {
    "id": "contest",
    "title": "Spelling contest: the results",
    "date": "2017-03-03",
    "text": "Five schools took part. Points: Ashgrove 88, Birchley 74, Corran 91. Total: 253.",
}
HARVEST = (
    {"id": "sindyan", "title": "حصاد القمح في وادي السنديان", "date": "2019-06-20",
     "text": "انتهى الحصاد أمس، وبلغ المحصول 340 طنا."},
    {"id": "zaytouna", "title": "حصاد القمح في تل الزيتونة", "date": "2019-06-24",
     "text": "بلغ محصول القمح ٤١٥ طنا."},
    {"id": "hamam", "title": "حصاد القمح في عين الحمام", "date": "2019-06-26",
     "text": "يأمل المختار أن يصل المحصول إلى 450 طنا."},
)  # fmt: skip

Compare = Callable[..., ComposedAnswer | None]


class Reading:
    """Reads a passage as a model would: the phrase for a sub-question that stands in it; counts its readings."""

    def __init__(self, phrases: Mapping[str, str], probability: float) -> None:
        self._phrases = phrases
        self._probability = probability
        self.count = 0

    def __call__(self, question: str, hits: Sequence[Hit]) -> ExtractedAnswer | None:
        self.count += 1
        for hit in hits:
            for sentence in hit.sentences:
                phrase = self._phrases.get(question, "\0")
                at = sentence.text.find(phrase)
                if at >= 0:
                    text = " ".join(sentence.text.split())
                    evidence = Evidence(hit.article, sentence.span, text, 0.9, 0.9)
                    start = sentence.span.start + at
                    return ExtractedAnswer(Located(evidence, Span(start, start + len(phrase))), self._probability)
        return None


@pytest.fixture
def compared(
    write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
) -> Compare:
    def ask(
        question: str, articles: Sequence[Mapping[str, str]], phrases: Mapping[str, str], probability: float = 0.8
    ) -> ComposedAnswer | None:
        write("a.jsonl", "\n".join(json.dumps(article, ensure_ascii=False) for article in articles))
        indexed()
        asked = parse_comparison(question)
        assert asked, question
        reading = Reading(phrases, probability)
        answer = compare(asked, retriever(), reading, language_to_answer_in(question))
        assert reading.count <= MAX_READINGS
        return answer

    return ask


def lines(answer: ComposedAnswer | None) -> list[str]:
    assert answer
    return [statement.text for statement in answer.statements]


def quotes(answer: ComposedAnswer | None) -> list[list[str]]:
    assert answer
    return [[q.evidence.cut(q.evidence.span) for q in statement.quotations] for statement in answer.statements]


LONG = {"How long is the Palm bridge?": "0.09 km", "How long is the Heron bridge?": "120 metres"}


def test_the_longer_of_two_is_found_across_units(compared: Compare) -> None:
    answer = compared("Which is longer, the Palm bridge or the Heron bridge?", [HERON, PALM], LONG)
    assert lines(answer) == ["Longer: the Heron bridge", "The Palm bridge: 0.09 km", "The Heron bridge: 120 metres"]
    assert answer
    assert answer.short_answer == "Heron bridge"
    assert answer.confidence == pytest.approx(0.8**2)
    assert answer.verdict is None


def test_the_quotations_name_the_things(compared: Compare) -> None:
    _, palm, heron = quotes(compared("Which is longer, the Palm bridge or the Heron bridge?", [HERON, PALM], LONG))
    assert palm == ["The Palm bridge is 0.09 km long."]
    # «The bridge» is the one that the sentences before name.
    assert heron == [HERON["text"]]


@pytest.mark.parametrize(
    ("question", "verdict", "first"),
    [
        ("Is the Heron bridge longer than the Palm bridge?", True, "Yes. Longer: the Heron bridge"),
        ("Is the Palm bridge longer than the Heron bridge?", False, "No. Longer: the Heron bridge"),
        ("Is the Palm bridge shorter than the Heron bridge?", True, "Yes. Shorter: the Palm bridge"),
    ],
)
def test_yes_or_no(compared: Compare, question: str, verdict: bool, first: str) -> None:
    answer = compared(question, [HERON, PALM], LONG)
    assert answer
    assert answer.verdict is verdict
    assert lines(answer)[0] == first


def test_a_difference_and_a_sum_are_in_the_first_sentence(compared: Compare) -> None:
    answer = compared("How much longer is the Heron bridge than the Palm bridge?", [HERON, PALM], LONG)
    assert lines(answer)[0] == "The difference is 30 m"
    assert answer
    assert answer.short_answer is None
    together = compared("How long are the Heron bridge and the Palm bridge together?", [HERON, PALM], LONG)
    assert lines(together)[0] == "Together: 210 m"


def test_a_missing_value_declines(compared: Compare) -> None:
    question = "Which is longer, the Palm bridge or the Mill bridge?"
    assert compared(question, [HERON, PALM], {**LONG, "How long is the Mill bridge?": "120 metres"}) is None


def test_another_things_value_is_refused(compared: Compare) -> None:
    phrases = {"How long is the Palm bridge?": "0.09 km", "How long is the Heron bridge?": "0.09 km"}
    assert compared("Which is longer, the Palm bridge or the Heron bridge?", [HERON, PALM], phrases) is None


def test_a_value_that_is_planned_is_refused(compared: Compare) -> None:
    phrases = {**LONG, "How long is the Poplar bridge?": "200 metres"}
    assert compared("Which is longer, the Palm bridge or the Poplar bridge?", [HERON, PALM, PLANNED], phrases) is None


def test_a_doubtful_value_is_refused(compared: Compare) -> None:
    assert compared("Which is longer, the Palm bridge or the Heron bridge?", [HERON, PALM], LONG, 0.1) is None


def test_equal_values_are_said_to_be_equal(compared: Compare) -> None:
    other = {"id": "mill", "title": "Mill", "text": "The Mill bridge is 90 metres long."}
    phrases = {**LONG, "How long is the Mill bridge?": "90 metres"}
    answer = compared("Which is longer, the Palm bridge or the Mill bridge?", [other, PALM], phrases)
    assert lines(answer)[0] == "The Palm bridge and the Mill bridge are equal: 0.09 km"
    assert answer
    assert answer.short_answer is None
    answer = compared("Is the Palm bridge longer than the Mill bridge?", [other, PALM], phrases)
    assert answer
    assert answer.verdict is False
    assert lines(answer)[0] == "No, they are equal: 0.09 km"


def test_units_that_cannot_be_compared_decline(compared: Compare) -> None:
    articles = [
        {"id": "a", "title": "A", "text": "A ticket to Arden costs €9."},
        {"id": "b", "title": "B", "text": "A ticket to Brill costs £8."},
    ]
    phrases = {"How much does a ticket to Arden cost?": "€9", "How much does a ticket to Brill cost?": "£8"}
    assert compared("Which is cheaper, a ticket to Arden or a ticket to Brill?", articles, phrases) is None


def test_two_things_in_one_sentence_have_their_own_values(compared: Compare) -> None:
    question = "How many more votes did Hanna Lindqvist have than Per Aalto?"
    # The reader gives one value to both.
    phrases = dict.fromkeys(("How many votes did Hanna Lindqvist have?", "How many votes did Per Aalto have?"), "1,204")
    answer = compared(question, [COUNCIL], phrases)
    assert lines(answer) == ["The difference is 217", "Hanna Lindqvist: 1,204", "Per Aalto: 987"]
    assert quotes(answer)[0] == ["Lindqvist had 1,204 votes and Aalto 987."]


def test_older_is_the_greater_age_or_the_earlier_date(compared: Compare) -> None:
    ages = {"How old is Hanna Lindqvist?": "34", "How old is Per Aalto?": "41"}
    assert lines(compared("Who is older, Hanna Lindqvist or Per Aalto?", [COUNCIL], ages))[0] == "Older: Per Aalto"
    mill = {"id": "mill", "title": "Mill", "text": "The Mill bridge was built in 1888."}
    dates = {"How old is the Mill bridge?": "1888", "How old is the Heron bridge?": "1931"}
    answer = compared("Which is older, the Mill bridge or the Heron bridge?", [HERON, mill], dates)
    assert lines(answer) == ["Older: the Mill bridge", "The Mill bridge: 1888", "The Heron bridge: 1931"]


def test_ages_in_articles_of_other_years_are_not_compared(compared: Compare) -> None:
    articles = [
        {"id": "a", "title": "Ann", "date": "2010-01-01", "text": "Ann Lee is 34 years old."},
        {"id": "b", "title": "Bo", "date": "2015-01-01", "text": "Bo Ray is 36 years old."},
    ]
    phrases = {"How old is Ann Lee?": "34 years", "How old is Bo Ray?": "36 years"}
    assert compared("Who is older, Ann Lee or Bo Ray?", articles, phrases) is None


def test_years_are_borne_out_by_the_articles_date(compared: Compare) -> None:
    articles = [
        {"id": "a", "title": "Results", "date": "2020-12-28", "text": "The museum had 12,450 visitors this year."},
        {"id": "b", "title": "Results", "date": "2021-12-29", "text": "The museum had 11,300 visitors this year."},
    ]
    question = "How many more visitors did the museum have in 2020 than in 2021?"
    phrases = {
        "How many visitors did the museum have in 2020?": "12,450",
        "How many visitors did the museum have in 2021?": "11,300",
    }
    assert lines(compared(question, articles, phrases))[0] == "The difference is 1,150"
    assert (
        compared(
            question.replace("2021", "2022"),
            articles,
            {**phrases, "How many visitors did the museum have in 2022?": "11,300"},
        )
        is None
    )


def test_the_title_names_the_thing(compared: Compare) -> None:
    question = "أيهما حصد قمحا أكثر، وادي السنديان أم تل الزيتونة؟"
    phrases = {"كم قمحا حصد وادي السنديان؟": "340 طنا", "كم قمحا حصد تل الزيتونة؟": "٤١٥ طنا"}
    answer = compared(question, HARVEST, phrases)
    assert lines(answer) == ["قمحا أكثر: تل الزيتونة", "وادي السنديان: 340 طنا", "تل الزيتونة: ٤١٥ طنا"]
    assert quotes(answer)[2] == ["بلغ محصول القمح ٤١٥ طنا.", "حصاد القمح في تل الزيتونة"]
    assert answer
    assert answer.short_answer == "تل الزيتونة"


def test_what_is_hoped_is_no_value_in_arabic(compared: Compare) -> None:
    phrases = {"كم قمحا حصد وادي السنديان؟": "340 طنا", "كم قمحا حصد عين الحمام؟": "450 طنا"}
    assert compared("أيهما حصد قمحا أكثر، وادي السنديان أم عين الحمام؟", HARVEST, phrases) is None


def test_digits_are_those_of_the_question(compared: Compare) -> None:
    articles = [
        {"id": "a", "title": "نتائج", "date": "2020-12-28", "text": "بلغت أرباح الشركة هذه السنة 42 دينارا."},
        {"id": "b", "title": "نتائج", "date": "2022-12-29", "text": "بلغت أرباح الشركة هذه السنة 51 دينارا."},
    ]
    phrases = {"كم كان أرباح الشركة في سنة ٢٠٢٠؟": "42 دينارا", "كم كان أرباح الشركة في سنة ٢٠٢٢؟": "51 دينارا"}
    answer = compared("ما الفرق بين أرباح الشركة في سنتي ٢٠٢٠ و٢٠٢٢؟", articles, phrases)
    assert lines(answer)[0] == "الفرق ٩ دينارا"


def test_the_most_of_a_kind_is_named_by_its_article(compared: Compare) -> None:
    phrases = {
        "How long is Heron bridge?": "120 metres",
        "How long is the bridge?": "0.09 km",
    }
    answer = compared("Which bridge is the longest?", [HERON, PALM], phrases)
    assert lines(answer)[0] == "Longest: Heron bridge"
    assert answer
    assert answer.short_answer == "Heron bridge"


def test_one_of_a_kind_is_not_the_most(compared: Compare) -> None:
    assert compared("Which bridge is the longest?", [HERON], {"How long is Heron bridge?": "120 metres"}) is None


def test_things_of_a_kind_without_a_value_lower_the_confidence(compared: Compare) -> None:
    phrases = {"How long is Heron bridge?": "120 metres", "How long is the bridge?": "0.09 km"}
    other = {"id": "other", "title": "Nobody measures the old bridge", "text": "An old bridge stands in the woods."}
    answer = compared("Which bridge is the longest?", [HERON, PALM, other], phrases)
    assert answer
    assert answer.confidence == pytest.approx(0.8**2 * 2 / 3)


def test_a_list_has_a_value_for_each_name_and_a_total_that_is_none(compared: Compare) -> None:
    phrases = {"How many points did the school have in the spelling contest?": "253"}
    answer = compared("Which school had the most points in the spelling contest?", [CONTEST], phrases)
    assert lines(answer) == ["Most points: Corran", "Ashgrove: 88", "Birchley: 74", "Corran: 91"]
    assert answer
    assert answer.short_answer == "Corran"


def test_braces_in_articles_and_questions_are_data(compared: Compare) -> None:
    articles = [
        {"id": "a", "title": "A", "text": "The {value} bridge is 5 m long."},
        {"id": "b", "title": "B", "text": "The {0} arch bridge is 6 m long."},
    ]
    phrases = {"How long is the {value} bridge?": "5 m", "How long is the {0} arch bridge?": "6 m"}
    answer = compared("Which is longer, the {value} bridge or the {0} arch bridge?", articles, phrases)
    assert lines(answer)[0] == "Longer: the {0} arch bridge"


@pytest.mark.parametrize("language", ["en", "ar"])
def test_both_languages_have_the_same_texts(language: Language) -> None:
    assert texts(language)["comparison"].keys() == texts("en")["comparison"].keys()
