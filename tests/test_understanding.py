"""Understanding of questions: kind, names, polarity, and the source that a question names."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.articles import Span
from index.fakes import HashEmbedder
from index.indexer import update_index
from index.retriever import Retriever
from qa.missing import missing_names
from qa.polarity import polarity_of
from qa.query.attribution import attribution_of
from qa.query.names import CapitalTagger, find_names
from qa.query.understanding import kind_of, understand
from qa.text_words import TextWords


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Was the mill sold?", "yes-no"),
        ("هل بيعت الطاحونة؟", "yes-no"),
        ("وهل وصلت السفينة؟", "yes-no"),
        ("Is it Monday or Tuesday that the library opens?", "phrase"),
        ("Which towns signed the treaty?", "list"),
        ("Who were the winners?", "list"),
        ("ما البرامج التي تقدمها الإذاعة؟", "list"),
        ("Which town signed first?", "phrase"),
        ("What does the mayor say about it?", "phrase"),
        ("Why was the bridge closed?", "explanation"),
        ("Summarise the report", "summary"),
        ("كم عدد الركاب؟", "phrase"),
    ],
)
def test_kind_of_question(question: str, kind: str) -> None:
    assert kind_of(question) == kind


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How many people voted?", "quantity"),
        ("بكم بيعت الأرض؟", "quantity"),
        ("In which year did it open?", "time"),
        ("متى افتتح الجسر؟", "time"),
        ("Who built it?", "person"),
        ("من بنى السد؟", "person"),
        ("من أين جاءت السفينة؟", "place"),
        ("What colour is it?", "any"),
    ],
)
def test_expected_kind_of_phrase(question: str, expected: str) -> None:
    assert understand(question, CapitalTagger()).expected == expected


def test_understanding_separates_names_years_and_words() -> None:
    asked = understand("How many people voted in Wadi Rihan in 2021?", CapitalTagger())
    assert (asked.names, asked.years, asked.numbers) == (("Wadi Rihan",), ("2021",), ())
    assert "vote" in asked.words and not {"wadi", "rihan"} & asked.words


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What does Samira al-Attara's brother do?", ("Samira al-Attara",)),
        ("When did the Bank of Nuwar open?", ("Bank of Nuwar",)),
        ("In May, who led Umm Sidra?", ("Umm Sidra",)),
        ("who won?", ()),
    ],
)
def test_names_with_capitals(question: str, names: tuple[str, ...]) -> None:
    assert find_names(question, CapitalTagger()) == names


class EveryWord:
    """Tagger that takes every word for a name."""

    def tag(self, text: str, words: list[Span]) -> list[bool]:
        return [True] * len(words)


def test_tagged_arabic_words_join_to_one_name_without_stop_words() -> None:
    assert find_names("في وادي الدقّاق", EveryWord()) == ("وادي الدقّاق",)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "negated", "unreal"),
    [
        ("The council decided not to sell the mill", True, False),
        ("It wasn't sold", True, False),
        ("The match was called off", True, False),
        ("The bridge will open in spring", False, True),
        ("It opened in May", False, False),
        ("It may open", False, True),
        ("لم يفز رشيد", True, False),
        ("فلم تتبدل النتيجة", True, False),
        ("نفى المدير أن يكون أحد قد أصيب", True, False),
        ("سيفتتح الجسر غدا", False, True),
        ("فاز رشيد في الانتخابات", False, False),
    ],
)
def test_polarity(text: str, negated: bool, unreal: bool) -> None:
    polarity = polarity_of(text)
    assert (polarity.negated, polarity.unreal) == (negated, unreal)


@pytest.mark.parametrize(
    ("text", "word", "has"),
    [
        ("أعلنت بلدية وادي ريحان", "لريحان", True),
        ("أعلنت بلدية وادي ريحان", "سوسن", False),
        ("The mayor of Umm Sidra", "سدرة", True),
        ("زار كيربي بغداد", "Kirby", True),
        ("زار كيربي بغداد", "Kerry", False),
        ("Sunbulah school", "Sunbula", True),
        ("مصر والأردن", "Egypt", True),
    ],
)
def test_names_match_in_both_scripts(text: str, word: str, has: bool) -> None:
    assert TextWords(text).has_name(word) is has


ARTICLES = (
    '{"id": "a", "title": "Fair opens", "text": "The fair drew nine thousand people.", "source": "The Harbour Post",'
    ' "date": "2024-05-03"}\n'
    '{"id": "b", "title": "Fair", "text": "The fair drew two thousand people.", "source": "صوت المرفأ",'
    ' "author": "Huda Kassar", "date": "2024-05-04"}\n'
)


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Retriever:
    folder: Path = tmp_path_factory.mktemp("attribution")
    (folder / "articles.jsonl").write_text(ARTICLES, encoding="utf-8")
    embedder = HashEmbedder()
    update_index(folder / "index", [folder / "articles.jsonl"], embedder)
    return Retriever(folder / "index", embedder)


@pytest.mark.parametrize(
    ("question", "articles"),
    [
        ("According to the Harbour Post, how many people came to the fair?", ("a",)),
        ("How many came to the fair, according to Huda Kassar's article?", ("b",)),
        ("كم شخصا حضر المعرض بحسب صحيفة صوت المرفأ؟", ("b",)),
        ("How many came, in the article of 4 May?", ("b",)),
        ("According to the Morning Gazette, how many came?", ()),
    ],
)
def test_attribution_limits_the_articles(retriever: Retriever, question: str, articles: tuple[str, ...]) -> None:
    found = attribution_of(question, retriever.search(question, literally=False), retriever.publications)
    assert found and found.articles == articles


@pytest.mark.parametrize(
    "question", ["How many people came to the fair?", "According to Salim Raad, how many came?", "كم شخصا حضر المعرض؟"]
)
def test_a_speaker_or_nobody_is_no_attribution(retriever: Retriever, question: str) -> None:
    assert attribution_of(question, retriever.search(question, literally=False), retriever.publications) is None


def test_missing_names_are_those_that_no_article_has(retriever: Retriever) -> None:
    english = [hit for hit in retriever.search("fair", literally=False) if hit.article.id == "a"]
    assert missing_names(["Harbour Post", "Wadi Jurf", "Fair"], english, retriever) == ("Wadi Jurf",)


def test_a_name_may_be_translated_in_another_language(retriever: Retriever) -> None:
    hits = retriever.search("fair", literally=False)
    assert missing_names(["وادي سوسن"], hits, retriever) == ()
