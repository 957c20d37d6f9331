"""Multi-sentence answers: sentences of the articles, each with its quotation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from index.articles import Article, Span
from index.retriever import Retriever
from qa.assistant import Assistant
from qa.evidence import Evidence
from qa.fakes import FakeLLM, FakeReader
from qa.multi_sentence import in_reading_order, strip_connective

TEXT = (
    "The tram\n\nThe tram opened in May. The tram has 24 stations. Palms grow by the sea. "
    "The tram carries 900 people every morning."
)


def evidence(text: str, at: int = 0, article: str = "a", score: float = 0.5) -> Evidence:
    return Evidence(Article(article, "title", " " * at + text, "en"), Span(at, at + len(text)), text, score, score)


@pytest.mark.parametrize("with_llm", [True, False])
def test_summary_consists_of_quoted_article_sentences(
    write: Callable[[str, str], Path],
    indexed: Callable[[], object],
    retriever: Callable[[], Retriever],
    with_llm: bool,
) -> None:
    write("tram.txt", TEXT)
    indexed()
    generator = FakeLLM() if with_llm else None
    answer = Assistant(retriever(), generator, FakeReader()).ask("Summarise what is known about the tram.")
    assert answer.status == "answered" and answer.short_answer is None
    assert 2 <= len(answer.citations) <= 5
    for citation in answer.citations:
        assert TEXT[citation.start : citation.end] == citation.quote
        assert f"{citation.quote.rstrip('.')} [{citation.marker}]." in answer.answer
    assert [c.start for c in answer.citations] == sorted(c.start for c in answer.citations)


def test_why_answer_is_phrase_sentence_and_its_continuation(
    write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
) -> None:
    write("tram.txt", f"{TEXT} Because they came late, the rails delayed the tram. They came by ship. It sank.")
    indexed()
    answer = Assistant(retriever(), FakeLLM(), FakeReader()).ask("Why was the tram delayed by the rails?")
    assert answer.status == "answered"
    first, *others = answer.citations
    assert first.quote.startswith("Because they came late")
    assert answer.short_answer and answer.short_answer in first.quote
    assert [other.quote for other in others] == ["They came by ship.", "It sank."]
    assert [answer.answer.count(f"[{c.marker}]") for c in answer.citations] == [1] * len(answer.citations)
    assert answer.models.keys() == {"embedder", "reader"}


def test_phrase_repeating_question_is_not_an_answer(
    write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
) -> None:
    write("command.txt", "The mayor of Marsa is whom you must not name.")
    indexed()
    assert Assistant(retriever(), None, FakeReader()).ask("Who is the mayor of Marsa?").status == "declined"
    write("mayor.txt", "Adel Marzouk became mayor of Marsa.")
    indexed()
    answer = Assistant(retriever(), None, FakeReader()).ask("Who is the mayor of Marsa?")
    assert answer.short_answer == "Adel Marzouk became mayor"


@pytest.mark.parametrize(
    ("text", "question"),
    [("Nadia is mayor.", "Is Nadia mayor, or is Adel mayor?"), ("نادية عمدة.", "هل نادية عمدة أم عادل عمدة؟")],
)
def test_answer_to_choice_question_may_repeat_question(
    write: Callable[[str, str], Path],
    indexed: Callable[[], object],
    retriever: Callable[[], Retriever],
    text: str,
    question: str,
) -> None:
    write("mayor.txt", text)
    indexed()
    assert Assistant(retriever(), None, FakeReader()).ask(question).status == "answered"


def test_why_question_is_declined_if_reader_finds_nothing(
    write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
) -> None:
    write("tram.txt", TEXT)
    indexed()
    answer = Assistant(retriever(), FakeLLM(), FakeReader()).ask("Why do volcanoes erupt?")
    assert (answer.status, answer.citations) == ("declined", ())


def test_question_without_similar_passages_is_declined(
    write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
) -> None:
    write("tram.txt", TEXT)
    indexed()
    answer = Assistant(retriever(), None, FakeReader()).ask("Summarise quarterly dividend forecasts.")
    assert (answer.status, answer.citations) == ("declined", ())


def test_connective_is_stripped_from_sentence() -> None:
    assert strip_connective(evidence("However, the pier opened.")) == "The pier opened."
    assert strip_connective(evidence("افتُتح الرصيف عام 1859.")) == "افتُتح الرصيف عام 1859."


def test_sentences_are_grouped_by_article_in_text_order() -> None:
    chosen = [evidence("b2", 9, "b"), evidence("a1", 0, "a"), evidence("b1", 0, "b")]
    assert [piece.text for piece in in_reading_order(chosen)] == ["b1", "b2", "a1"]
