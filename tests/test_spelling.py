"""Spelling correction towards the passages' spelling, and dialect question words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from index.retriever import Retriever
from qa.answer import Answer
from qa.assistant import Assistant
from qa.fakes import FakeReader
from qa.query.dialect import to_msa_question_words
from qa.query.spelling import correct_typos, restore_hamza
from qa.reader.base import Context, ReaderOutput

WRITTEN = {"الاحزاب": "الأحزاب", "المدينه": "المدينة", "محطات": "محطات", "المينا": "المينا", "الترام": "الترام"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("كم عدد احزاب المدينه؟", "كم عدد أحزاب المدينة؟"),
        ("ماذا قيل للاحزاب", "ماذا قيل للاحزاب"),
        ("الأحزاب في المدينة", "الأحزاب في المدينة"),
        ("parties 2020", "parties 2020"),
    ],
)
def test_hamzas_are_restored_from_passages(typed: str, meant: str) -> None:
    assert restore_hamza(typed, WRITTEN) == meant


def test_only_unknown_words_are_corrected() -> None:
    assert correct_typos("كم محطلت الترام؟", WRITTEN, lambda _: False) == "كم محطات الترام؟"
    assert correct_typos("كم محطلت الترام؟", WRITTEN, lambda word: word == "محطلت") == "كم محطلت الترام؟"


def test_ambiguous_typo_is_not_corrected() -> None:
    written = {"الوادي": "الوادي", "النادي": "النادي"}
    assert correct_typos("اين الحادي؟", written, lambda _: False) == "اين الحادي؟"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("شو هي عاصمة لبنان؟", "ما هي عاصمة لبنان؟"),
        ("وين المحطة وقديش طولها؟", "أين المحطة وقديش طولها؟"),
        ("إيه هو سبب التأخير؟", "ما هو سبب التأخير؟"),
        ("في أية سنة بدأ؟", "في أية سنة بدأ؟"),
        ("مين اللي فاز؟", "من الذي فاز؟"),
        ("متى بدأ المشروع؟", "متى بدأ المشروع؟"),
    ],
)
def test_dialect_question_words_become_msa(typed: str, meant: str) -> None:
    assert to_msa_question_words(typed) == meant


class TestReaderQuestion:
    """The question that the reader gets and the record reports, for an article written with all hamzas."""

    @pytest.fixture
    def ask(
        self, write: Callable[[str, str], Path], indexed: Callable[[], object], retriever: Callable[[], Retriever]
    ) -> Callable[[str], Answer]:
        write("a.txt", "افتُتحت المحطة الأولى للترام عام 1950 في الإسكندرية. وكان طول الخط أربعة كيلومترات.")
        indexed()
        return lambda question: Assistant(retriever(), None, self.reader).ask(question)

    class RecordingReader(FakeReader):
        """Records the question it is asked."""

        def __init__(self) -> None:
            self.asked = ""

        def read(self, question: str, contexts: Sequence[Context]) -> list[ReaderOutput]:
            self.asked = question
            return super().read(question, contexts)

    @pytest.fixture(autouse=True)
    def _reader(self) -> None:
        self.reader = self.RecordingReader()

    def test_restored_hamzas_are_not_reported(self, ask: Callable[[str], Answer]) -> None:
        answer = ask("متى افتتحت المحطة الاولى في الاسكندرية؟")
        assert "الإسكندرية" in self.reader.asked and "الأولى" in self.reader.asked
        assert answer.asked is None

    def test_corrected_typo_is_reported(self, ask: Callable[[str], Answer]) -> None:
        answer = ask("متى افتتحت المحطة الأولى في الإسكندرنة؟")
        assert answer.asked == self.reader.asked == "متى افتتحت المحطة الأولى في الإسكندرية؟"

    def test_dialect_rewriting_is_reported(self, ask: Callable[[str], Answer]) -> None:
        assert ask("فين افتتحت المحطة الأولى؟").asked == "أين افتتحت المحطة الأولى؟"

    def test_correctly_spelt_question_is_unchanged(self, ask: Callable[[str], Answer]) -> None:
        question = "متى افتتحت المحطة الأولى للترام؟"
        assert ask(question).asked is None
        assert self.reader.asked == question
