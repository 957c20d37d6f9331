"""Sentences in another language than their quotation: their translation of the phrase must mean the same."""

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


class BlindReader(FakeReader):
    """Finds no phrase in any passage."""

    def read(self, question: str, contexts: Sequence[Context]) -> list[ReaderOutput]:
        return [ReaderOutput((), 1.0) for _ in contexts]


def recording_likeness(likeness: float, asked: list[tuple[str, str]]) -> Callable[[str, str], float]:
    def like(one: str, other: str) -> float:
        asked.append((one, other))
        return likeness

    return like


def test_wrong_translation_is_reported() -> None:
    asked: list[tuple[str, str]] = []
    (fault,) = check_translation(SAID, QUESTION, PHRASE, FakeReader(), recording_likeness(SAME - 0.01, asked))
    assert fault.kind == "translation"
    assert fault.text and fault.text in SAID
    assert asked == [(fault.text, PHRASE)]
    assert check_translation(SAID, QUESTION, PHRASE, FakeReader(), recording_likeness(SAME, [])) == []


def test_untranslated_phrase_is_accepted() -> None:
    asked: list[tuple[str, str]] = []
    sentence = f"The tram is limited by {PHRASE}."
    assert check_translation(sentence, QUESTION, PHRASE, BlindReader(), recording_likeness(0.0, asked)) == []
    assert asked == []


def test_sentence_without_phrase_is_reported() -> None:
    found = check_translation(SAID, QUESTION, PHRASE, BlindReader(), recording_likeness(1.0, []))
    assert found == [Issue("translation")]


class OneSentenceLLM(FakeLLM):
    """Writes one sentence, whatever it is asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self._one = sentence

    def stream(self, prompt: Prompt, max_tokens: int) -> TextStream:
        yield self._one


@pytest.mark.parametrize("likeness", [SAME - 0.01, SAME + 0.01])
def test_answer_with_wrong_translation_is_replaced_by_phrase(
    write: Callable[[str, str], Path],
    indexed: Callable[[], object],
    retriever: Callable[[], Retriever],
    monkeypatch: pytest.MonkeyPatch,
    likeness: float,
) -> None:
    write("tram.txt", "يحدّ الجسرُ القديم في Bergdorf Tram من سرعة الترام.")
    indexed()
    monkeypatch.setattr(Retriever, "likeness", lambda self, one, other: likeness)
    answer = Assistant(retriever(), OneSentenceLLM(SAID), FakeReader()).ask("What limits the Bergdorf Tram?")
    assert answer.status == "answered" and answer.short_answer
    if likeness >= SAME:
        assert answer.answer.startswith(SAID.rstrip("."))
        assert answer.correction is None
    else:
        assert answer.correction
        assert (answer.correction.fault, answer.correction.done) == ("translation", "replaced")
        assert answer.correction.about in SAID
        assert answer.answer == f"{answer.short_answer} [1]."


def test_sentence_in_language_of_quotation_is_not_checked(
    write: Callable[[str, str], Path],
    indexed: Callable[[], object],
    retriever: Callable[[], Retriever],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("tram.txt", "The Bergdorf tram stops at 24 stations.")
    indexed()
    monkeypatch.setattr(Retriever, "likeness", lambda self, one, other: -1.0)
    generator = OneSentenceLLM("The tram of Bergdorf stops at 24 stations.")
    answer = Assistant(retriever(), generator, FakeReader()).ask("Where does the Bergdorf tram stop?")
    # The phrase is not there literally: the check is skipped only because the languages are the same.
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
def test_embedder_separates_translations_from_other_phrases(real_embedder: SentenceTransformerEmbedder) -> None:
    """Not every one: see docs/generation.md. Unrecognised ones are replaced by the article's own words."""
    phrases = real_embedder.embed_queries(list(TRANSLATIONS))
    translations = real_embedder.embed_queries(list(TRANSLATIONS.values()))
    cosines = phrases @ translations.T
    assert (cosines.diagonal() >= SAME).sum() >= 0.8 * len(TRANSLATIONS)
    assert (cosines >= SAME).sum() - (cosines.diagonal() >= SAME).sum() <= 1
