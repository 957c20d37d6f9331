"""Follow-up questions: which questions depend on the history, and how they are rewritten for the search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from index.retriever import Retriever
from qa.assistant import Assistant
from qa.fakes import FakeLLM, FakeReader
from qa.llm.base import Prompt, TextStream
from qa.query.followup import HistoryTurn, concat_history, is_follow_up, record_history, to_history_turn
from qa.query.rewriting import rewrite_follow_up


@pytest.mark.parametrize(
    "question",
    [
        "And when was it opened?",
        "and in 2021?",
        "the cost?",
        "Who leads them?",
        "why?",
        "What is the oldest book they have?",
        "On which days does it receive visitors?",
        "ومتى افتُتح؟",
        "والتكلفة؟",
        "ومن يرأسها؟",
        "من هو؟",
        "كم كان عددهم قبل ذلك؟",
        "عفواً، قصدت المرفأ",
    ],
)
def test_follow_up_question_is_recognized(question: str) -> None:
    assert is_follow_up(question)


@pytest.mark.parametrize(
    "question",
    [
        "When was the tram of Marsa opened?",
        "And who is Samira Haddad?",
        "How many pages did Huda write when she was in Tunis?",
        "Who has the record for the longest bridge?",
        "متى افتُتح ترام مرسى نورس؟",
        "ما هي عاصمة سوريا؟",
        "ومن هو المحلل السياسي إحسان الشمري؟",
        "من الذي صمم الجسر الذي افتُتح في بابل ومن بناه؟",
        "كم تبلغ مساحة الحديقة الجديدة في البصرة؟",
    ],
)
def test_standalone_question_is_not_follow_up(question: str) -> None:
    assert not is_follow_up(question)


HISTORY = [HistoryTurn("When was the old bridge in Porto Salim opened?", "1859")]


def test_concatenated_question_includes_history() -> None:
    assert concat_history("And who built it?", HISTORY) == (
        "When was the old bridge in Porto Salim opened? 1859. And who built it?"
    )


class CannedRewriteLLM(FakeLLM):
    """An LLM that writes one fixed line, and records its prompt."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line, self.given = line, ""

    def stream(self, prompt: Prompt, max_tokens: int) -> TextStream:
        self.given = prompt.turns[-1].content
        yield self.line


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("Who built the old bridge in Porto Salim?", True),
        ("Who built the new bridge in Tunis?", False),
        ("Brunel built the old bridge.", False),
        ("من بنى الجسر؟", False),
        ("Who built it?", False),
        ("When was the old bridge in Porto Salim opened?", False),
        ("Who built it in 1859? When was the old bridge opened?", False),
        ("", False),
    ],
)
def test_rewrite_is_accepted_only_if_grounded_in_history(line: str, kept: bool) -> None:
    generator = CannedRewriteLLM(line)
    asked = rewrite_follow_up("And who built it?", HISTORY, generator)
    assert asked == (line if kept else None)
    assert "1859" in generator.given and generator.given.endswith("And who built it?")


@pytest.fixture
def assistant(
    write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
) -> Assistant:
    write("bridge.txt", "The bridge\n\nThe old bridge opened in 1859. Brunel built the old bridge.")
    indexed()
    return Assistant(retriever(), CannedRewriteLLM("Who built the old bridge?"), FakeReader())


def test_record_includes_rewritten_question(assistant: Assistant) -> None:
    first = assistant.ask("When was the old bridge opened?")
    assert "asked" not in first.to_json()
    kept = to_history_turn(first)
    assert kept
    record = assistant.ask("And who built it?", history=[kept]).to_json()
    assert (record["question"], record["asked"]) == ("And who built it?", "Who built the old bridge?")


def test_without_history_nothing_is_rewritten(assistant: Assistant) -> None:
    assert "asked" not in assistant.ask("And who built it?").to_json()


def test_history_records_questions_but_not_small_talk(assistant: Assistant) -> None:
    history: list[HistoryTurn] = []
    for question in ("When was the old bridge opened?", "Thanks!", "And who built it?"):
        list(record_history(assistant.stream(question, history=history), history))
    assert [exchange.question for exchange in history] == [
        "When was the old bridge opened?",
        "Who built the old bridge?",
    ]
