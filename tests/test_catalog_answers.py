"""Answers from the catalogue: authors, dates, sources, counts and lists of articles, with their titles as evidence."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from index.articles import Language
from index.indexer import remove_articles
from index.retrieval.name_list import NameList
from index.retriever import Retriever
from qa.catalog.answers import MAX_QUOTATIONS, answer_from_catalog
from qa.composed import ComposedAnswer
from qa.composed_texts import texts
from qa.query.catalog_question import parse_catalog_question
from qa.query.question import language_to_answer_in

BRIDGE = "The bridge of Wadi Lawz was closed on Wednesday after a lorry hit a pillar."
ROWS = (
    {"id": "bridge", "title": "The bridge of Wadi Lawz is closed", "text": BRIDGE, "date": "2017-03-01",
     "author": "Dunya Sarraj", "source": "The Buoy"},
    {"id": "bridge-copy", "title": "Bridge closed after accident", "text": BRIDGE, "date": "2017-03-02",
     "author": "Nader Salti", "source": "https://www.harbour-post.example/news/17"},
    {"id": "ferry", "title": "Ferry instead of bridge", "date": "2017-03-09", "author": "Dunya Sarraj",
     "text": "A ferry carries children across the river while the bridge of Wadi Lawz is closed.",
     "source": "The Buoy"},
    {"id": "law", "title": "The road law changes", "date": "2017-04-02", "author": "Fuad Nassif", "source": "The Weir",
     "text": "Lorries need a permit. " + "Members spoke of asphalt, kerbs and lamps for an hour. " * 30
     + "The bridge of Wadi Lawz was mentioned once."},
    {"id": "harvest", "title": "Dates harvest begins", "date": "2018-09-14", "author": "Fuad Nassif",
     "source": "The Weir", "text": "The harvest of dates has begun in the oases."},
    {"id": "results-2020", "title": "مطاحن الرمثان تعلن نتائجها", "date": "2020-12-28", "author": "عادل الصيرفان",
     "source": "جريدة الميزان", "text": "بلغ صافي ربح مطاحن الرمثان مليون دينار."},
    {"id": "results-2021", "title": "مطاحن الرمثان تعلن نتائجها", "date": "2021-12-29", "author": "رولا النحاسي",
     "source": "جريدة الميزان", "text": "بلغ صافي ربح مطاحن الرمثان مليوني دينار."},
    {"id": "undated", "title": "Notice to all readers", "text": "The library is closed for a week of painting."},
)  # fmt: skip


Ask = Callable[[str], ComposedAnswer | None]


@pytest.fixture
def index_of(
    write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
) -> Callable[..., Retriever]:
    def make(*rows: dict[str, str]) -> Retriever:
        write("a.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
        indexed()
        return retriever()

    return make


@pytest.fixture
def ask(index_of: Callable[..., Retriever]) -> Ask:
    made = index_of(*ROWS)
    return lambda question: answer(made, question)


def answer(made: Retriever, question: str) -> ComposedAnswer | None:
    asked = parse_catalog_question(question)
    assert asked is not None, question
    return answer_from_catalog(asked, made, language_to_answer_in(question))


def text_of(composed: ComposedAnswer | None) -> str | None:
    return " ".join(statement.text for statement in composed.statements) if composed else None


def quoted(composed: ComposedAnswer | None) -> list[str]:
    assert composed is not None
    return [located.evidence.article.id for statement in composed.statements for located in statement.quotations]


@pytest.mark.parametrize(
    ("question", "text", "ids"),
    [
        ("Who wrote the article about the ferry?", "Dunya Sarraj wrote “Ferry instead of bridge”.", ["ferry"]),
        ("Who wrote the article “dates harvest begins”?", "Fuad Nassif wrote “Dates harvest begins”.", ["harvest"]),
        ("When was the article about the dates harvest published?",
         "“Dates harvest begins” was published on 14 September 2018.", ["harvest"]),
        ("Which newspaper reported that lorries need a permit?", "The Weir published “The road law changes”.", ["law"]),
        ("Who wrote the 2021 article on the results of the Rimthan Mills?",
         "رولا النحاسي wrote “مطاحن الرمثان تعلن نتائجها”.", ["results-2021"]),
        ("Who wrote the latest article by The Buoy?", "Dunya Sarraj wrote “Ferry instead of bridge”.", ["ferry"]),
        ("من كتب آخر مقال عن مطاحن الرمثان؟", "«مطاحن الرمثان تعلن نتائجها» بقلم رولا النحاسي.", ["results-2021"]),
        ("متى نشر مقال عادل الصيرفان عن مطاحن الرمثان؟",
         "نُشر «مطاحن الرمثان تعلن نتائجها» في 28 كانون الأول/ديسمبر 2020.", ["results-2020"]),
        ("في أي صحيفة نُشر المقال عن الرمثان المنشور في ٢٠٢٠؟",
         "نُشر في جريدة الميزان: «مطاحن الرمثان تعلن نتائجها».", ["results-2020"]),
    ],
)  # fmt: skip
def test_article_is_identified_by_its_subject(ask: Ask, question: str, text: str, ids: list[str]) -> None:
    composed = ask(question)
    assert text_of(composed) == text
    assert quoted(composed) == ids


@pytest.mark.parametrize(
    ("question", "text", "ids"),
    [
        ("How many articles are there?", "The collection has 7 articles.",
         ["results-2021", "results-2020", "harvest", "law", "ferry", "bridge", "undated"]),
        ("How many articles did Sarraj write?", "The collection has 2 articles by Dunya Sarraj.", ["ferry", "bridge"]),
        ("How many articles by Nader Salti are there?", "The collection has one article by Nader Salti.",
         ["bridge-copy"]),
        ("How many articles mention the bridge of Wadi Lawz?",
         "The collection has 3 articles that mention “the bridge of Wadi Lawz”.", ["law", "ferry", "bridge"]),
        ("How many articles are about the bridge of Wadi Lawz?",
         "The collection has 2 articles about “the bridge of Wadi Lawz”. Mentioned further on in the text: one article"
         " more.", ["ferry", "bridge", "law"]),
        ("How many articles about the bridge did The Buoy publish since 5 March 2017?",
         "The collection has one article about “the bridge” from The Buoy since 5 March 2017.", ["ferry"]),
        ("How many articles in The Weir are there?", "The collection has 2 articles from The Weir.",
         ["harvest", "law"]),
        ("How many articles are there from Harbour Post?",
         "The collection has one article from harbour-post.example.", ["bridge-copy"]),
        ("How many articles are in Arabic?", "The collection has 2 articles in Arabic.",
         ["results-2021", "results-2020"]),
        ("How many articles are about Rimthan?", "The collection has 2 articles about “Rimthan”.",
         ["results-2021", "results-2020"]),
        ("How many articles of 14 September are there?", "The collection has one article dated 14 September.",
         ["harvest"]),
        ("كم مقالا كتبت دنيا سراج؟", "في المجموعة مقالان بقلم Dunya Sarraj.", ["ferry", "bridge"]),
        ("كم مقالا نُشر في ٢٠١٧؟", "في المجموعة ٣ مقالات في ٢٠١٧.", ["law", "ferry", "bridge"]),
        ("كم مقالا يذكر الرمثان منذ كانون الأول 2021؟",
         "في المجموعة مقال واحد يذكر «الرمثان» منذ كانون الأول/ديسمبر 2021.", ["results-2021"]),
    ],
)  # fmt: skip
def test_articles_are_counted_by_their_conditions(ask: Ask, question: str, text: str, ids: list[str]) -> None:
    composed = ask(question)
    assert text_of(composed) == text
    assert quoted(composed) == ids


def test_list_has_newest_first_and_each_title_its_own_statement(ask: Ask) -> None:
    composed = ask("List the articles by Fuad Nassif")
    assert composed is not None
    assert [statement.text for statement in composed.statements] == [
        "The collection has 2 articles by Fuad Nassif: “Dates harvest begins” (14 September 2018).",
        "“The road law changes” (2 April 2017).",
    ]
    assert [len(statement.quotations) for statement in composed.statements] == [1, 1]


def test_single_listed_title_is_short_answer(ask: Ask) -> None:
    composed = ask("Which article is about the ferry of the children?")
    assert composed is not None
    assert composed.short_answer == "Ferry instead of bridge"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is the latest on the bridge?",
         "The newest article about “the bridge” is “Ferry instead of bridge”, published on 9 March 2017."),
        ("What is the oldest article?",
         "The oldest article is “The bridge of Wadi Lawz is closed”, published on 1 March 2017."),
        ("ما أحدث مقال عن مطاحن الرمثان؟",
         "أحدث مقال عن «مطاحن الرمثان» هو «مطاحن الرمثان تعلن نتائجها»، نُشر في 29 كانون الأول/ديسمبر 2021."),
        ("Who wrote the most articles in The Buoy?",
         "The largest number of articles from The Buoy is by Dunya Sarraj: 2 articles."),
        ("Which newspapers reported on the bridge of Wadi Lawz?",
         "Sources of articles about “the bridge of Wadi Lawz”: The Buoy (2 articles). harbour-post.example (one"
         " article)."),
        ("من هم الكتّاب بالعربية؟", "كتّاب المقالات بالعربية: رولا النحاسي (مقال واحد). عادل الصيرفان (مقال واحد)."),
    ],
)  # fmt: skip
def test_newest_article_and_lists_of_names(ask: Ask, question: str, text: str) -> None:
    assert text_of(ask(question)) == text


def test_copy_is_a_publication_of_its_own(ask: Ask) -> None:
    composed = ask("Which newspaper reported that the bridge of Wadi Lawz is closed?")
    assert text_of(composed) == (
        "The Buoy published “The bridge of Wadi Lawz is closed”."
        " harbour-post.example published “Bridge closed after accident”."
    )
    assert quoted(composed) == ["bridge", "bridge-copy"]
    assert text_of(ask("Who wrote the article about the bridge of Wadi Lawz from harbour-post.example?")) == (
        "Nader Salti wrote “Bridge closed after accident”."
    )


@pytest.mark.parametrize(
    "question",
    [
        "Who wrote the article about the notice to readers?",  # it has no author
        "When was the article about the notice to all readers published?",  # nor a date
        "How many articles did Nobody Known write?",
        "How many articles from The Guardian are there?",
        "How many articles are about the moon?",
        "Who wrote the article about the opera in Cairo?",
        "Who wrote the article about the ferry since 2018?",
        "Who wrote the recipe for dates?",  # no article has this as its title
        "How many articles were published in 1999?",
        "من كتب المقال عن الأوبرا؟",
    ],
)
def test_what_the_catalogue_does_not_know_is_not_answered(ask: Ask, question: str) -> None:
    assert ask(question) is None


def test_confidence_tells_exact_matches_from_loose_ones(ask: Ask) -> None:
    exact, in_text, ambiguous, loose = (
        ask(question)
        for question in (
            "Who wrote the article “Ferry instead of bridge”?",
            "Who wrote the article about lorries and kerbs?",
            "Who wrote the article about the Rimthan Mills?",
            "Who wrote the 2021 article on the results of the Rimthan Mills?",
        )
    )
    assert exact and in_text and ambiguous and loose
    assert exact.confidence == 0.95
    assert exact.confidence > in_text.confidence > loose.confidence > ambiguous.confidence
    assert len(ambiguous.statements) == 2


def test_date_is_no_surer_than_its_certainty(
    write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
) -> None:
    write("2021-04-08.txt", "The tram opens\n\nThe tram opened in the old town, and many people came.")
    indexed()
    composed = answer(retriever(), "What is the newest article?")
    assert composed is not None
    assert composed.confidence == 0.5


def test_more_articles_than_quotations_are_counted(index_of: Callable[..., Retriever]) -> None:
    total = MAX_QUOTATIONS + 5
    made = index_of(
        *({"id": f"a{n:02}", "title": f"Report number {n}", "text": f"Tram {n} stood still.", "source": "S",
           "date": f"2020-01-{n + 1:02}", "author": f"Author {n:02}"} for n in range(total))
    )  # fmt: skip
    counted, listed, authors = (
        answer(made, question)
        for question in ("How many articles mention the tram?", "Which articles are there?", "Which authors are there?")
    )
    assert text_of(counted) == f"The collection has {total} articles that mention “the tram”."
    assert quoted(counted) == quoted(listed) == [f"a{n:02}" for n in range(total - 1, total - 1 - MAX_QUOTATIONS, -1)]
    assert (text_of(listed) or "").startswith(
        f"The collection has {total} articles, among them “Report number {total - 1}”"
    )
    assert (text_of(authors) or "").startswith(
        f"Authors of articles, {total} in all, among them Author 00 (one article)."
    )
    assert len(quoted(authors)) == MAX_QUOTATIONS


def test_fields_of_articles_are_only_data(index_of: Callable[..., Retriever]) -> None:
    hostile = "{author.__class__} {0} %s <script>\nAnswer: no"
    made = index_of({"id": "a", "title": hostile, "text": "The ferry sank.", "author": hostile, "source": hostile})
    on_one_line = " ".join(hostile.split())
    composed = answer(made, "Who wrote the article about the ferry?")
    assert text_of(composed) == f"{on_one_line} wrote “{on_one_line}”."
    assert text_of(answer(made, "How many articles about the ferry {topic} are there?")) is None
    assert composed is not None
    for statement in composed.statements:
        for located in statement.quotations:
            assert located.text == located.evidence.article.title


def test_author_in_title_is_short_answer(index_of: Callable[..., Retriever]) -> None:
    made = index_of({"id": "a", "title": "Ask Wilhelmína: bamboo", "text": "Dig a trench.", "author": "Wilhelmina"})
    composed = answer(made, "Who wrote the piece about bamboo?")
    assert composed is not None
    assert composed.short_answer == "Wilhelmína"


def test_index_that_changes_is_read_again(index_of: Callable[..., Retriever], tmp_path: Path) -> None:
    made = index_of(*ROWS)
    assert text_of(answer(made, "How many articles by Fuad Nassif are there?")) is not None
    remove_articles(tmp_path / "index", ["law", "harvest"])
    assert answer(made, "How many articles by Fuad Nassif are there?") is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("Kassar", {"Huda Kassar", "Omar Kassar"}),
        ("هدى كسار", {"Huda Kassar"}),
        ("Salma al-Sham'adan", {"سلمى الشمعدان"}),
        ("لسلمى الشمعدان", {"سلمى الشمعدان"}),
        ("the Guardian", {"theguardian.com"}),
        ("Harbour Post", {"harbour-post.example"}),
        ("صحيفة القنديل", {"القنديل"}),
        ("Lowri Tamblin-Voss", {"The Revd Lowri Tamblin-Voss"}),
        ("Huda Omar", set()),
        ("the", set()),
    ],
)
def test_names_are_found_in_part_and_across_scripts(wanted: str, found: set[str]) -> None:
    names = NameList(
        ["Huda Kassar", "Omar Kassar", "سلمى الشمعدان", "theguardian.com", "harbour-post.example", "القنديل",
         "The Revd Lowri Tamblin-Voss"]
    )  # fmt: skip
    matches = names.find(wanted)
    assert (set(matches.names) if matches else set()) == found


def test_full_name_is_preferred_to_longer_ones() -> None:
    matches = NameList(["The Buoy", "Buoy and Oil"]).find("The Buoy")
    assert matches is not None
    assert (matches.names, matches.exactly) == (frozenset({"The Buoy"}), True)


def _variables(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("table", ["catalogue", "date", "month"])
def test_composed_texts_have_the_same_variables_in_both_languages(table: str) -> None:
    languages: tuple[Language, Language] = ("ar", "en")
    arabic, english = (
        {name: _variables(template) for name, template in texts(language)[table].items()} for language in languages
    )
    assert arabic == english
