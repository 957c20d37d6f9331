"""Searching the collection: filters, quoted phrases, stories, keywords, and concurrent index changes."""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest

from index import indexer
from index.articles import Language
from index.embeddings import Vectors
from index.fakes import HashEmbedder
from index.indexer import remove_articles, update_index
from index.planner import IndexingReport
from index.recovery import repair
from index.retrieval.filters import Filter
from index.retriever import Retriever
from index.storage.catalog import Catalog
from index.storage.writing import writing
from index.vectors import faiss_file, faiss_index
from index.vectors.faiss_file import compact
from index.vectors.faiss_index import FaissIndex

Write = Callable[[str, str | bytes], Path]
Index = Callable[..., IndexingReport]
Search = Callable[[], Retriever]

ENGLISH = "The ferry to the island sails again after a winter of storms and long repairs in the dry dock. "
ARABIC = "عادت العبارة إلى الإبحار نحو الجزيرة بعد شتاء من العواصف وأعمال صيانة طويلة في الحوض الجاف. "


def article(number: str, date: str, source: str, text: str) -> str:
    return f"---\ntitle: Ferry {number}\ndate: {date}\nsource: {source}\n---\n{text}"


@pytest.fixture
def ferries(write: Write, indexed: Index, retriever: Search) -> Retriever:
    """Five articles on one topic: two years, two sources, one with a copy, one undated, one in both languages."""
    write("a.md", article("one", "2020-12-31", "Coast", f"{ENGLISH}The captain rang the bell."))
    write("b.md", article("two", "2021-01-01", "Coast", f"{ENGLISH}The mayor came aboard."))
    write("c.md", article("three", "2021-04-30", "Valley", f"{ENGLISH}Tickets are free in May."))
    write("d.txt", f"Ferry four\n\n{ENGLISH}Nobody knows when this was written.")
    write("e.md", article("five", "2021-05-01", "Valley", ENGLISH * 14 + "\n\n" + ARABIC * 14))
    write("z-copy.md", article("two", "2022-02-02", "Archive", f"{ENGLISH}The mayor came aboard."))
    indexed()
    return retriever()


class TestFilters:
    """Passages that a filter excludes are never found, and all others are."""

    @pytest.mark.parametrize(
        ("only", "expected"),
        [
            (Filter(), "abcde"),
            (Filter(since="2021"), "bce"),
            (Filter(until="2021"), "abce"),
            (Filter(until="2020"), "a"),
            (Filter(since="2021-04", until="2021-04"), "c"),
            (Filter(since="2021-04-30", until="2021-05-01"), "ce"),
            (Filter(since="2020-12-31", until="2021-01-01"), "ab"),
            (Filter(since="2021-05-02", until="2021"), ""),
            (Filter(since="2022"), "b"),
            (Filter(sources=("Coast",)), "ab"),
            (Filter(sources=("Archive",)), "b"),
            (Filter(sources=("Coast", "Valley")), "abce"),
            (Filter(sources=("Nowhere",)), ""),
            (Filter(articles=("d", "a")), "ad"),
            (Filter(articles=("z-copy",)), "b"),
            (Filter(articles=("nowhere",)), ""),
            (Filter(language="ar"), "e"),
            (Filter(sources=("Coast",), since="2021"), "b"),
            # The copy is from the Archive in 2022: no single publication has both this source and this date.
            (Filter(sources=("Coast",), since="2022"), ""),
            (Filter(sources=("Valley",), language="en", until="2021-04"), "c"),
            (Filter(articles=("a", "c"), since="2021"), "c"),
            (Filter(sources=("' OR 1=1 --",)), ""),
        ],
        ids=str,
    )
    def test_filter_returns_only_matching_articles(self, ferries: Retriever, only: Filter, expected: str) -> None:
        for question in ("When does the ferry sail again?", '"sails again" ferry', "العبارة الجزيرة"):
            found = {hit.article.id for hit in ferries.search(question, 50, only)}
            assert found <= set(expected)
            if not question.startswith('"'):
                assert found == set(expected)

    def test_language_filter_applies_to_passages(self, ferries: Retriever) -> None:
        letters: dict[Language, str] = {"ar": "ا", "en": "e"}
        for language, letter in letters.items():
            hits = ferries.search("ferry عبارة", 50, Filter(language=language, articles=("e",)))
            assert hits
            assert all(letter in hit.passage.text for hit in hits)

    def test_filter_above_exact_limit_finds_same_passages(
        self, ferries: Retriever, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        only = Filter(sources=("Coast", "Valley"), until="2021-04")
        few = [(hit.passage.number, round(hit.score, 3)) for hit in ferries.search("ferry", 20, only)]
        monkeypatch.setattr(faiss_index, "EXACT_FILTER_LIMIT", 0)
        many = [(hit.passage.number, round(hit.score, 3)) for hit in ferries.search("ferry", 20, only)]
        assert sorted(few) == sorted(many)


class TestQuotedPhrases:
    """A quoted phrase must occur in the passage."""

    @pytest.fixture
    def ferries(self, ferries: Retriever, write: Write, indexed: Index) -> Retriever:
        write("bank.txt", "Banks\n\nقال محافظ للبنك المركزي إن الفائدة لن ترتفع هذا العام. The central bank said so.")
        write("other.txt", "Others\n\nالبنك في وسط المدينة، والمركزي شارع قريب منه. A bank is central to a river.")
        indexed()
        return ferries

    @pytest.mark.parametrize(
        "quoted",
        ["«{}»", "»{}«", "“{}”", "”{}“", "„{}“", '"{}"', '  "{}"؟', "who says « {} » now", 'ferry "{}"'],
    )
    @pytest.mark.parametrize("phrase", ["البنك المركزي", "central bank", "CENTRAL  bank", "البَنْك المركزى"])
    def test_any_quotation_marks_are_recognised(self, ferries: Retriever, quoted: str, phrase: str) -> None:
        assert [hit.article.id for hit in ferries.search(quoted.format(phrase))] == ["bank"]

    def test_all_quoted_phrases_must_match(self, ferries: Retriever) -> None:
        assert [hit.article.id for hit in ferries.search('"central bank" «محافظ»')] == ["bank"]
        assert ferries.search('"central bank" "river"') == []

    def test_unmatched_phrase_falls_back_when_not_literal(self, ferries: Retriever) -> None:
        assert ferries.search('"bank central" ferry') == []
        fallen_back = ferries.search('"bank central" ferry', literally=False)
        assert {"bank", "a"} <= {hit.article.id for hit in fallen_back}

    def test_filter_applies_to_fallback_search(self, ferries: Retriever) -> None:
        hits = ferries.search('"central bank" ferry', only=Filter(sources=("Coast",)), literally=False)
        assert {hit.article.id for hit in hits} == {"a", "b"}


@pytest.mark.parametrize(
    "typed",
    [
        '"', '""', '"""', "*", "ferry*", "NEAR(ferry bell, 2)", "words:ferry", "-ferry", "ferry AND", "OR", "NOT ferry",
        "^ferry", "(ferry", "ferry)", "{a b}: c", "a + b", "'; DROP TABLE articles; --", "🚢🚢", "\0", "ferry\0bell",
        "«", "»«", "«»", '"\0"', '"🚢"', "“ ”", "\u202e ferry", "\ud83d", "٪", "ـ", "\u064b", "_", "\\", "%",
        "ferry " * 1_700, "x" * 10_000, "ا" * 10_000, '"' * 9_999, "«ferry» " * 1_200, "( " * 5_000,
        " ".join(f'"word{n}"' for n in range(1_000)), " ".join(f"«كلمة{n}»" for n in range(1_000)),
        '"' + " ".join(f"word{n}" for n in range(1_500)) + '"', " ".join(f"w{n}" for n in range(2_000)),
    ],
    ids=lambda typed: ascii(typed[:20]),
)  # fmt: skip
def test_arbitrary_input_is_accepted(ferries: Retriever, typed: str) -> None:
    for literally in (True, False):
        for hit in ferries.search(typed, literally=literally):
            assert hit.passage.text == hit.article.text[hit.passage.start : hit.passage.end]


class TestKeywords:
    def test_keyword_search_finds_words_missed_by_vectors(self, write: Write, tmp_path: Path) -> None:
        """With two-dimensional vectors, only keyword search can find the one article that has the word."""
        for number in range(80):
            write(f"{number}.txt", f"Item {number}\n\nThe committee met in room {number * 37} and talked about roads.")
        write("rare.txt", "A meeting\n\nThe committee met with Zubrowski about the roads of the town and other things.")
        embedder = HashEmbedder(2)
        update_index(tmp_path / "index", [tmp_path / "articles"], embedder)
        assert Retriever(tmp_path / "index", embedder).search("zubrowski", 3)[0].article.id == "rare"
        assert Retriever(tmp_path / "index", embedder).search("1369", 3)[0].article.id == "37"

    def test_names_match_across_scripts(self, write: Write, indexed: Index, retriever: Search) -> None:
        write("a.txt", "الوزير\n\nوصل الوزير زلماي خليل زاد إلى الدوحة مساء أمس.")
        write("b.txt", "Markets\n\nPrices rose for a third day, said Zamir Lodhi of the exchange.")
        indexed()
        assert retriever().search("Zalmay Khalil")[0].article.id == "a"
        assert retriever().search("لودهي")[0].article.id == "b"


class TestStories:
    @pytest.fixture
    def frequent_story(self, write: Write, indexed: Index, retriever: Search) -> Retriever:
        """One story in more articles than are considered for ten passages, and another story in one article."""
        for number in range(60):
            write(
                f"told-{number:02}.txt",
                f"The ferry sails\n\n{ENGLISH}The mayor came aboard with her two sons and a dog, and the crowd cheered "
                f"for the captain until the ship had left the harbour. Reporter {number} of the paper wrote this.",
            )
        write("other.txt", "The museum\n\nA model of the ferry is shown in the museum beside coins and old maps.")
        indexed()
        return retriever()

    def test_rare_story_is_found_beside_frequent_story(self, frequent_story: Retriever) -> None:
        hits = frequent_story.search("the ferry sails again after storms", 10, one_per_story=True)
        told = [len(hit.others) + 1 for hit in hits]
        assert sum(told) == 61
        assert "other" in {hit.article.id for hit in hits}

    def test_returns_at_most_k_stories(self, frequent_story: Retriever) -> None:
        assert len(frequent_story.search("ferry", 1, one_per_story=True)) == 1


class TestConcurrentChanges:
    """An open retriever answers with the old state or the new one, whatever a writer does."""

    SECONDS = 3.0

    @pytest.mark.parametrize("dimension", [64])
    def test_search_continues_during_index_updates(self, write: Write, tmp_path: Path, dimension: int) -> None:
        folder, articles = tmp_path / "index", tmp_path / "articles"
        embedder = HashEmbedder(dimension)
        for number in range(20):
            write(f"{number}.txt", f"Ferry {number}\n\n{ENGLISH}It carried {number} people.")
        update_index(folder, [articles], embedder)
        until = time.monotonic() + self.SECONDS
        failed: list[BaseException] = []
        turns = 0

        def change() -> None:
            nonlocal turns
            try:
                while time.monotonic() < until:
                    turns += 1
                    write(f"new-{turns}.txt", f"Balloon {turns}\n\nThe balloon rose {turns} times over the lake.")
                    update_index(folder, [articles], embedder)
                    remove_articles(folder, [f"new-{turns}"])
                    (articles / f"new-{turns}.txt").unlink()
                    with writing(folder) as catalog, indexer.change_index(catalog):
                        compact(catalog)
            except BaseException as error:
                failed.append(error)
                raise

        opened = Retriever(folder, embedder)
        writer = threading.Thread(target=change)
        writer.start()
        answers = 0
        while time.monotonic() < until:
            found = {hit.article.id for hit in opened.search("How many people did the ferry carry?", 40)}
            assert {str(number) for number in range(20)} <= found
            assert len(found) <= 21
            answers += 1
        writer.join()
        assert not failed
        assert turns > 1
        assert answers > 10

    def test_search_continues_during_index_repair(
        self, write: Write, indexed: Index, retriever: Search, tmp_path: Path
    ) -> None:
        for number in range(10):
            write(f"{number}.txt", f"Ferry {number}\n\n{ENGLISH}It carried {number} people.")
        indexed()
        opened = retriever()
        expected = {str(number) for number in range(10)}
        done = threading.Event()

        def change() -> None:
            for _ in range(3):
                repair(tmp_path / "index", HashEmbedder())
            done.set()

        writer = threading.Thread(target=change)
        writer.start()
        while not done.is_set() and writer.is_alive():
            assert {hit.article.id for hit in opened.search("ferry", 20)} == expected
        writer.join()
        assert done.is_set()
        assert {hit.article.id for hit in retriever().search("ferry", 20)} == expected


WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in "bdfgklmnprst"]


def prose(number: int) -> str:
    chance = random.Random(number)
    topic = WORDS[number % 40 * 5 : number % 40 * 5 + 12]
    return f"Piece {number}\n\n" + " ".join(chance.choices(topic, k=20) + chance.choices(WORDS, k=10)) + "."


class TestInvertedFile:
    """The IVF index of a large collection, with the size threshold lowered."""

    COUNT = 400

    @pytest.fixture(scope="class")
    @classmethod
    def built_index(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("large")
        (folder / "articles").mkdir()
        (folder / "articles" / "all.jsonl").write_text(cls.rows(range(cls.COUNT)))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(faiss_file, "FLAT_LIMIT", 200)
            cls.update(folder)
        return folder / "index"

    @pytest.fixture
    def folder(self, built_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(faiss_file, "FLAT_LIMIT", 200)
        return Path(shutil.copytree(built_index, tmp_path / "index"))

    @staticmethod
    def rows(numbers: range) -> str:
        return "".join(json.dumps({"id": f"n{number}", "text": prose(number)}) + "\n" for number in numbers)

    @staticmethod
    def update(tmp_path: Path) -> None:
        update_index(tmp_path / "index", [tmp_path / "articles"], HashEmbedder(64))

    @staticmethod
    def base(folder: Path) -> Path:
        (path,) = folder.glob("vectors-*")
        return path

    @staticmethod
    def exact(catalog: Catalog, query: Vectors, k: int, allowed: set[int] | None = None) -> list[int]:
        numbers, matrix = catalog.vectors_after(0, -1)
        order = np.argsort(-(matrix @ query), kind="stable")
        return [numbers[i] for i in order if allowed is None or numbers[i] in allowed][:k]

    def recall(self, folder: Path, allowed: set[int] | None = None) -> float:
        catalog = Catalog.open(folder)
        index = FaissIndex.of(catalog)
        shares = []
        for query in HashEmbedder(64).embed_queries([prose(number + 5_000) for number in range(50)]):
            wanted = self.exact(catalog, query, 10, allowed)
            found = [number for number, _ in index.nearest(query, 10, catalog, allowed)]
            assert allowed is None or set(found) <= allowed
            shares.append(len(set(found) & set(wanted)) / max(len(wanted), 1))
        return float(np.mean(shares))

    def test_ivf_index_recalls_exact_neighbours(self, folder: Path) -> None:
        catalog = Catalog.open(folder)
        assert isinstance(faiss_file.load(catalog)[1], faiss.IndexIVF)
        assert catalog.count_passages() == self.COUNT
        assert self.recall(folder) >= 0.9

    @pytest.mark.parametrize("share", [2, 3, 50])
    @pytest.mark.parametrize("few", [0, 2_000], ids=["in the lists", "one by one"])
    def test_recall_with_filters(self, folder: Path, share: int, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(faiss_index, "EXACT_FILTER_LIMIT", few)
        numbers, _ = Catalog.open(folder).vectors_after(0, -1)
        assert self.recall(folder, set(numbers[::share])) >= 0.9

    def test_empty_filter_returns_nothing(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for few in (2_000, -1):
            monkeypatch.setattr(faiss_index, "EXACT_FILTER_LIMIT", few)
            assert self.recall(folder, set()) == 0.0

    def test_small_updates_do_not_rewrite_index_file(self, folder: Path, write: Write, tmp_path: Path) -> None:
        opened = Retriever(folder, HashEmbedder(64))
        opened.search("anything at all")
        before = self.base(folder), self.base(folder).stat().st_mtime_ns
        for number in range(1_000, 1_005):
            write(f"{number}.txt", prose(number))
            self.update(tmp_path)
            assert opened.search(prose(number), 1)[0].article.id == str(number)
        remove_articles(folder, ["1003", "n7"])
        assert (self.base(folder), self.base(folder).stat().st_mtime_ns) == before
        assert self.recall(folder) >= 0.9
        for gone in (1_003, 7):
            for searching in (opened, Retriever(folder, HashEmbedder(64))):
                assert not {"1003", "n7"} & {hit.article.id for hit in searching.search(prose(gone), 50)}

    def test_large_updates_rebuild_index_file(self, folder: Path, write: Write, tmp_path: Path) -> None:
        opened = Retriever(folder, HashEmbedder(64))
        opened.search("anything at all")
        before = self.base(folder)
        write("more.jsonl", self.rows(range(2_000, 3_100)))
        remove_articles(folder, [f"n{number}" for number in range(100)])
        self.update(tmp_path)
        catalog = Catalog.open(folder)
        assert self.base(folder) != before
        assert catalog.rows("SELECT count(*) FROM gone") == [(0,)]
        assert isinstance(faiss_file.load(catalog)[1], faiss.IndexIVF)
        assert catalog.count_passages() == 1_400
        assert self.recall(folder) >= 0.9
        assert opened.search(prose(2_500), 1)[0].article.id == "n2500"
        assert "n5" not in {hit.article.id for hit in opened.search(prose(5), 50)}

    def test_search_after_removing_everything(self, folder: Path) -> None:
        opened = Retriever(folder, HashEmbedder(64))
        assert opened.search(prose(3))
        remove_articles(folder, [f"n{number}" for number in range(self.COUNT)])
        assert opened.search(prose(3)) == []
        assert Retriever(folder, HashEmbedder(64)).search(prose(3)) == []

    @pytest.mark.parametrize("damage", ["deleted", "emptied", "halved", "a folder", "rubbish"])
    def test_search_survives_missing_or_damaged_index_file(self, folder: Path, damage: str) -> None:
        opened = Retriever(folder, HashEmbedder(64))
        before = [hit.article.id for hit in opened.search(prose(3))]
        path = self.base(folder)
        whole = path.read_bytes()
        # Never truncated in place: open retrievers map the file, and reading a truncated map kills the process.
        path.unlink()
        if damage == "a folder":
            path.mkdir()
        elif damage != "deleted":
            path.write_bytes({"emptied": b"", "halved": whole[: len(whole) // 2], "rubbish": b"rubbish" * 999}[damage])
        for searching in (opened, Retriever(folder, HashEmbedder(64))):
            assert searching.search(prose(3))[0].article.id == before[0]
        assert self.recall(folder) >= 0.9
        if damage == "a folder":
            shutil.rmtree(path)
