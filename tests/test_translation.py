"""Sentences in another language than their quotation: what they say in the place of the phrase must mean the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from index.embeddings import SentenceTransformerEmbedder
from index.retriever import Retriever
from qa.assistant import Assistant
from qa.fakes import FakeLLM, FakeReader
from qa.llm.base import Prompt, TextStream
from qa.reader.base import Context, ReaderOutput
from qa.verification.faithfulness import Issue
from qa.verification.translation import SAME, check_translation

QUESTION = "What limits the tram?"
SAID = "The tram is limited by the old bridge."
PHRASE = "الجسر القديم"


class Blind(FakeReader):
    """Finds nothing to read."""

    def read(self, question: str, contexts: Sequence[Context]) -> list[ReaderOutput]:
        return [ReaderOutput((), 1.0) for _ in contexts]


def asked_of(likeness: float, asked: list[tuple[str, str]]) -> Callable[[str, str], float]:
    def like(one: str, other: str) -> float:
        asked.append((one, other))
        return likeness

    return like


def test_what_means_something_else_is_named() -> None:
    asked: list[tuple[str, str]] = []
    (fault,) = check_translation(SAID, QUESTION, PHRASE, FakeReader(), asked_of(SAME - 0.01, asked))
    assert fault.kind == "translation"
    assert fault.said and fault.said in SAID
    assert asked == [(fault.said, PHRASE)]
    assert check_translation(SAID, QUESTION, PHRASE, FakeReader(), asked_of(SAME, [])) == []


def test_the_phrase_itself_needs_no_translation() -> None:
    asked: list[tuple[str, str]] = []
    sentence = f"The tram is limited by {PHRASE}."
    assert check_translation(sentence, QUESTION, PHRASE, Blind(), asked_of(0.0, asked)) == []
    assert asked == []


def test_a_sentence_in_which_nothing_answers_does_not_say_the_phrase() -> None:
    found = check_translation(SAID, QUESTION, PHRASE, Blind(), asked_of(1.0, []))
    assert found == [Issue("translation")]


class Says(FakeLLM):
    """Writes one sentence, whatever it is asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self._one = sentence

    def stream(self, prompt: Prompt, max_tokens: int) -> TextStream:
        yield self._one


@pytest.mark.parametrize("likeness", [SAME - 0.01, SAME + 0.01])
def test_an_answer_in_another_language_says_the_phrase_or_a_translation_of_it(
    write: Callable[[str, str], Path],
    indexed: Callable[[], object],
    retriever: Callable[[], Retriever],
    monkeypatch: pytest.MonkeyPatch,
    likeness: float,
) -> None:
    write("tram.txt", "يحدّ الجسرُ القديم في Bergdorf Tram من سرعة الترام.")
    indexed()
    monkeypatch.setattr(Retriever, "likeness", lambda self, one, other: likeness)
    answer = Assistant(retriever(), Says(SAID), FakeReader()).ask("What limits the Bergdorf Tram?")
    assert answer.status == "answered" and answer.short_answer
    if likeness >= SAME:
        assert answer.answer.startswith(SAID.rstrip("."))
        assert answer.correction is None
    else:
        assert answer.correction
        assert (answer.correction.fault, answer.correction.done) == ("translation", "replaced")
        assert answer.correction.about in SAID
        assert answer.answer == f"{answer.short_answer} [1]."


def test_in_the_language_of_its_quotation_a_sentence_is_not_asked_for_its_translation(
    write: Callable[[str, str], Path],
    indexed: Callable[[], object],
    retriever: Callable[[], Retriever],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("tram.txt", "The Bergdorf tram stops at 24 stations.")
    indexed()
    monkeypatch.setattr(Retriever, "likeness", lambda self, one, other: -1.0)
    generator = Says("The tram of Bergdorf stops at 24 stations.")
    answer = Assistant(retriever(), generator, FakeReader()).ask("Where does the Bergdorf tram stop?")
    # It has the phrase's words, but not as they stand: only the language spares it the question.
    assert answer.short_answer and answer.short_answer not in answer.answer
    assert answer.correction is None


TRANSLATIONS = {
    "حارس الميناء": "the harbour guard",
    "جمعية النحالين": "the beekeepers' association",
    "زيت الزيتون": "olive oil",
    "مدينة صيدا": "the city of Sidon",
    "أربعين كيلومتراً": "forty kilometres",
    "ليلى الحداد": "Laila Haddad",
    "the night train": "قطار الليل",
    "a broken pump": "مضخة معطلة",
    "the ministry of health": "وزارة الصحة",
    "every two weeks": "كل أسبوعين",
}


@pytest.mark.real
def test_the_embedder_tells_translations_from_other_phrases(real_embedder: SentenceTransformerEmbedder) -> None:
    """Not every one: see docs/generation.md. What is lost is said in the article's own words."""
    phrases = real_embedder.embed_queries(list(TRANSLATIONS))
    translations = real_embedder.embed_queries(list(TRANSLATIONS.values()))
    cosines = phrases @ translations.T
    assert (cosines.diagonal() >= SAME).sum() >= 0.8 * len(TRANSLATIONS)
    assert (cosines >= SAME).sum() - (cosines.diagonal() >= SAME).sum() <= 1
