"""Arabizi: detection, and transliteration with the vocabulary of the sample articles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from index.fakes import HashEmbedder
from index.indexer import update_index
from index.retrieval.vocabulary import Vocabulary
from index.retriever import Retriever
from qa.assistant import Assistant
from qa.fakes import FakeLLM, FakeReader
from qa.query.arabizi import MAX_WORD_LENGTH, is_arabizi, transliterate
from qa.query.question import language_to_answer_in, validate_question
from tests.conftest import SAMPLES


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    folder = tmp_path_factory.mktemp("samples") / "index"
    update_index(folder, [SAMPLES / "articles"], HashEmbedder())
    return Retriever(folder, HashEmbedder())


@pytest.fixture(scope="module")
def vocabulary(retriever: Retriever) -> Vocabulary:
    return Vocabulary(retriever.catalog.rows)


class EmptyVocabulary:
    """The vocabulary of an empty collection."""

    def alike(self, key: str) -> Sequence[str]:
        return []

    def passages(self, word: str) -> int:
        return 0

    def spelt(self, word: str) -> str | None:
        return None


@pytest.mark.parametrize(
    "question",
    [
        "kam 3adad el jnood el amrikiyeen fil 3iraq?",
        "shu ism ra2ees el baladiye",
        "meen rabe7 el mubarayat?",
        "wein el ma7atta?",
        "ezay el nas beyrou7o el sho8l",
        "Emta fata7 el tram?",
        "leish ta2akhar el mashrou3",
        "eh asbab el 7arb",
    ],
)
def test_arabizi_is_detected(question: str) -> None:
    assert is_arabizi(question)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "?",
        "Who won the 2nd race in 2019?",
        "covid19 deaths in 2020",
        "mp3 player inventor?",
        "3D printing?",
        "B2B sales of the 3rd quarter",
        "windows7 vs windows8",
        "R2D2 and C3PO",
        "Abu Bakr al Baghdadi",
        "El Salvador capital",
        "Ayn Rand novels?",
        "Lil Wayne age?",
        "We feel the wind, so where is it from?",
        "donde esta el museo de la ciudad?",
        "où est la gare du Nord?",
        "كم عدد المحطات في 2022؟",
        "كم عدد el ma7attat؟",
    ],
)
def test_other_text_is_not_arabizi(question: str) -> None:
    assert not is_arabizi(question)
    assert transliterate(question, EmptyVocabulary()) is None


def test_text_beyond_length_limit_is_not_arabizi() -> None:
    assert is_arabizi("wein el ma7atta " * 30)
    assert not is_arabizi("wein el ma7atta " * (MAX_WORD_LENGTH // 16 + 1))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("kam ma7atta fil 5at el azra2?", "كم محطة في الخط الأزرق؟"),
        ("kam ma7attah fi al khatt al-azraq?", "كم محطة في الخط الأزرق؟"),
        ("meen sajjal hadaf el fawz?", "من سجل هدف الفوز؟"),
        ("emta fata7 el tram fi madinet mirsa naurus?", "متى فتح الترام في مدينة مرسى نورس؟"),
        ("wein 7a2l el alwa7 el shamsiye?", "أين حقل الألواح الشمسية؟"),
    ],
)
def test_transliteration_uses_spelling_of_collection(vocabulary: Vocabulary, typed: str, meant: str) -> None:
    assert transliterate(typed, vocabulary) == meant


def test_transliterated_question_retrieves_relevant_articles(retriever: Retriever, vocabulary: Vocabulary) -> None:
    typed = "kam na5le ta2assarat bi souset el na5il?"
    meant = transliterate(typed, vocabulary)
    assert meant
    found = [hit.article.title for hit in retriever.search(meant, k=3)]
    assert any("نخيل" in title for title in found)
    assert not any("نخيل" in hit.article.title for hit in retriever.search(typed, k=3))


def test_unknown_word_is_transliterated_letter_by_letter() -> None:
    assert transliterate("meen ra2ees 5anshour?", EmptyVocabulary()) == "من رئيس خنشور؟"


def test_numbers_and_acronyms_are_not_transliterated() -> None:
    assert transliterate("meen mudir NATO sanat 2014, w leish?", EmptyVocabulary()) == "من مدير NATO سنة 2014، ولماذا؟"


def test_articles_and_prepositions_become_prefixes() -> None:
    assert transliterate("kam 3adad el-ayyam lel mudon w el sharq?", EmptyVocabulary()) == "كم عدد الأيام للمدن والشرق؟"


def test_long_word_is_transliterated_quickly(vocabulary: Vocabulary) -> None:
    said = transliterate(f"wein el {'sh7' * 60}?", vocabulary)
    assert said and said.startswith("أين ال")


def test_word_tables_have_no_duplicates() -> None:
    import tomllib

    path = Path(__file__).parent.parent / "qa" / "query" / "arabizi.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    small = [word for name in ("sure", "unsure", "english") for word in table[name]]
    assert len(small) == len(set(small))


def test_answer_records_transliteration_and_is_in_arabic(retriever: Retriever) -> None:
    answer = Assistant(retriever, FakeLLM(), FakeReader()).ask("kam 3adad el jnood el amrikiyeen fil 3iraq?")
    assert answer.question == "kam 3adad el jnood el amrikiyeen fil 3iraq?"
    assert answer.language == "ar" and answer.asked and answer.asked.startswith("كم عدد الجن")
    assert answer.asked.endswith("الأمريكيين في العراق؟") and answer.status == "answered"


def test_other_questions_are_not_transliterated(retriever: Retriever) -> None:
    for question in ("How many US troops remain in Iraq?", "كم عدد القوات الأمريكية في العراق؟"):
        assert Assistant(retriever, FakeLLM(), FakeReader()).ask(question).asked is None


def test_arabizi_question_is_answered_in_arabic() -> None:
    assert validate_question("kam 3adad el jnood el amrikiyeen fil 3iraq?") == "ar"
    assert language_to_answer_in("kam 3adad el jnood?") == language_to_answer_in("كم؟") == "ar"
    assert language_to_answer_in("How many soldiers?") == "en"
