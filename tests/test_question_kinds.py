"""Answers by the kind of question, through the whole pipeline with the fakes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from index.fakes import HashEmbedder
from index.indexer import update_index
from index.retrieval.filters import Filter
from index.retriever import Retriever
from qa.answer import Answer
from qa.assistant import Assistant
from qa.fakes import FakeReader
from qa.options import Options
from qa.query.intent import Intent, Intents

ARTICLES = (
    '{"id": "mill", "title": "The old mill stays", "text": "The council decided not to sell the old mill of Umm Sidra.'
    ' The mill grinds 12 tonnes of wheat a week.", "source": "The Harbour Post", "author": "Huda Kassar",'
    ' "date": "2024-05-03"}\n'
    '{"id": "treaty", "title": "Treaty of the springs", "text": "The treaty was signed by 3 towns: Nuwar, Port Lorne'
    ' and Burj Nahar.", "source": "Cape Gazette", "date": "2024-06-01"}\n'
)


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    folder: Path = tmp_path_factory.mktemp("kinds")
    (folder / "articles.jsonl").write_text(ARTICLES, encoding="utf-8")
    embedder = HashEmbedder()
    update_index(folder / "index", [folder / "articles.jsonl"], embedder)
    return Assistant(Retriever(folder / "index", embedder), None, FakeReader(), Options(threshold=0.05))


@dataclass(frozen=True)
class SureOf:
    """Classifier that is sure of one intent."""

    intent: Intent

    def classify(self, question: str) -> Intents:
        return Intents({self.intent: 0.95}, frozenset({"whose", "piece"}))


def with_intent(assistant: Assistant, intent: Intent) -> Assistant:
    return Assistant(assistant.retriever, None, FakeReader(), Options(threshold=0.05), intents=SureOf(intent))


def quotes(answer: Answer) -> list[str]:
    return [citation.quote for citation in answer.citations]


def test_no_is_told_from_a_denial(assistant: Assistant) -> None:
    answer = assistant.ask("Did the council sell the old mill of Umm Sidra?")
    assert (answer.status, answer.verdict) == ("answered", "no")
    assert answer.answer.startswith("No. ") and quotes(answer) == [
        "The council decided not to sell the old mill of Umm Sidra."
    ]


def test_yes_is_told_from_a_statement(assistant: Assistant) -> None:
    answer = assistant.ask("Does the mill grind 12 tonnes of wheat a week?")
    assert answer.verdict == "yes" and answer.answer.startswith("Yes. ")


def test_intent_classifier_finds_catalogue_question(assistant: Assistant) -> None:
    question = "Whose is that piece on the old mill?"
    answer = with_intent(assistant, "author").ask(question)
    assert answer.status == "answered" and "Huda Kassar" in answer.answer
    assert quotes(answer) == ["The old mill stays"]
    assert assistant.ask(question).understanding != answer.understanding


def test_catalogue_question_about_no_article_is_declined(assistant: Assistant) -> None:
    assert with_intent(assistant, "author").ask("Whose is that piece on volcanoes?").status == "declined"


def test_intent_classifier_finds_list_question(assistant: Assistant) -> None:
    answer = with_intent(assistant, "list").ask("To which places did the treaty go to be signed?")
    assert answer.understanding and answer.understanding["kind"] == "list"


def test_empty_filter_leaves_the_catalogue_its_questions(assistant: Assistant) -> None:
    answer = assistant.ask("Who wrote the article about the old mill?", only=Filter())
    assert answer.status == "answered" and "Huda Kassar" in answer.answer


def test_catalogue_is_not_asked_where_a_filter_leaves_articles_out(assistant: Assistant) -> None:
    answer = assistant.ask("Who wrote the article about the old mill?", only=Filter(since="2024-05-15"))
    assert answer.status == "declined" and answer.understanding and answer.understanding["kind"] == "phrase"


def test_catalogue_answers_with_the_title_as_quotation(assistant: Assistant) -> None:
    answer = assistant.ask("Who wrote the article about the old mill?")
    assert answer.status == "answered" and "Huda Kassar" in answer.answer
    (citation,) = answer.citations
    assert (citation.field, citation.quote, citation.article_id) == ("title", "The old mill stays", "mill")
    assert answer.understanding and answer.understanding["kind"] == "catalogue"


def test_source_named_in_the_question_limits_the_articles(assistant: Assistant) -> None:
    answer = assistant.ask("According to the Cape Gazette, how many tonnes of wheat does the mill grind?")
    assert {passage.article_id for passage in answer.passages} == {"treaty"}


def test_source_that_is_not_there_is_declined(assistant: Assistant) -> None:
    answer = assistant.ask("According to the Morning Times, how many towns signed the treaty?")
    assert (answer.status, answer.passages) == ("declined", ())


def test_filter_holds_beside_a_source_in_the_question(assistant: Assistant) -> None:
    only = Filter(since="2025")
    assert assistant.ask("According to the Cape Gazette, how many towns signed?", only=only).status == "declined"


def test_declined_answer_names_what_no_article_has(assistant: Assistant) -> None:
    declining = Assistant(assistant.retriever, None, FakeReader(), Options(threshold=0.999))
    answer = declining.ask("How many towns signed the treaty of Qasr Mawj?")
    assert (answer.status, answer.missing) == ("declined", ("Qasr Mawj",))
    assert "“Qasr Mawj”" in answer.answer and answer.to_json()["missing"] == ["Qasr Mawj"]


def test_record_says_what_was_understood(assistant: Assistant) -> None:
    understood = assistant.ask("How many towns signed in Umm Sidra in 2024?").to_json()["understanding"]
    assert (understood["kind"], understood["expected"]) == ("phrase", "quantity")
    assert (understood["names"], understood["years"]) == (["Umm Sidra"], ["2024"])
