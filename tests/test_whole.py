"""Answers that take sentences: the articles' own, in the asker's language, each with its quotation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from index.articles import Article, Span
from index.search import Searcher
from qa.assistant import Assistant
from qa.evidence import Evidence
from qa.fakes import FakeGenerator, FakeReader
from qa.generate import Pieces, Prompt
from qa.retelling import told
from qa.whole import in_reading_order

TEXT = (
    "The tram\n\nThe tram opened in May. The tram has 24 stations. Palms grow by the sea. "
    "The tram carries 900 people every morning."
)


class Says(FakeGenerator):
    """An LLM that writes one line."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line = line

    def write(self, prompt: Prompt, max_tokens: int) -> Pieces:
        yield self.line


def evidence(text: str, at: int = 0, article: str = "a", score: float = 0.5) -> Evidence:
    return Evidence(Article(article, "title", " " * at + text, "en"), Span(at, at + len(text)), text, score, score)


@pytest.mark.parametrize("with_llm", [True, False])
def test_a_summary_is_sentences_of_the_articles_each_with_its_quotation(
    write: Callable[[str, str], Path],
    indexed: Callable[[], object],
    searcher: Callable[[], Searcher],
    with_llm: bool,
) -> None:
    write("tram.txt", TEXT)
    indexed()
    generator = Says("Something of its own.") if with_llm else None
    answer = Assistant(searcher(), generator, FakeReader()).ask("Summarise what is known about the tram.")
    assert answer.status == "answered" and answer.short_answer is None
    assert 2 <= len(answer.citations) <= 5
    for citation in answer.citations:
        assert TEXT[citation.start : citation.end] == citation.quote
        assert f"{citation.quote.rstrip('.')} [{citation.marker}]." in answer.answer
    assert [c.start for c in answer.citations] == sorted(c.start for c in answer.citations)


def test_what_nothing_is_near_to_is_declined(
    write: Callable[[str, str], Path], indexed: Callable[[], object], searcher: Callable[[], Searcher]
) -> None:
    write("tram.txt", TEXT)
    indexed()
    answer = Assistant(searcher(), None, FakeReader()).ask("Summarise quarterly dividend forecasts.")
    assert (answer.status, answer.citations) == ("declined", ())


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("افتُتح الرصيف عام 1859.", True),
        ("افتُتح الرصيف عام 1895.", False),
        ("The pier opened in 1859.", False),
        ("", False),
    ],
)
def test_a_retold_sentence_that_does_not_hold_is_replaced_by_the_quotation(line: str, kept: bool) -> None:
    piece = evidence("The pier opened in 1859.")
    assert told(piece, "لخّص تاريخ الرصيف", "ar", Says(line)) == (line if kept else piece.text)


def test_in_the_articles_language_it_is_told_as_it_stands() -> None:
    assert told(evidence("However, the pier opened."), "Summarise", "en", Says("x")) == "The pier opened."


def test_sentences_are_read_in_the_order_of_their_articles() -> None:
    chosen = [evidence("b2", 9, "b"), evidence("a1", 0, "a"), evidence("b1", 0, "b")]
    assert [piece.text for piece in in_reading_order(chosen)] == ["b1", "b2", "a1"]
