"""A collection over many indexing runs: copies, stories, banners, archives and damaged files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from index.article_builder import mask_spans
from index.boilerplate.repetition import MIN_ARTICLES
from index.fakes import HashEmbedder
from index.formats.parsed import Rejected
from index.indexer import remove_articles, update_index
from index.ingestion import sandbox
from index.listing import CollectionListing, list_articles
from index.planner import IndexingReport
from index.recovery import repair
from index.retriever import Retriever
from index.storage.catalog import Catalog
from tests import fuzz
from tests.conftest import zip_of
from tests.test_index import CountingEmbedder

Write = Callable[[str, str | bytes], Path]

DAM = """The dam above the valley holds

Engineers opened the spillway of the old dam on Monday after nine days of rain in the upper valley.
The water rose by four metres, said the warden Selma Farrow, who has kept the gates for thirty years.
Families from the two lowest villages spent the night in the school and went home in the morning.
The council will pay for new pumps, and the bridge at the mill stays closed until the end of the month."""
DAM_RETOLD = DAM.replace("nine days", "nine whole days").replace("thirty years", "thirty-one years")
PALMS = """واحة النخيل تستعد للموسم

بدأ المزارعون في واحة السدر قطف التمور هذا الأسبوع بعد صيف طويل وجاف لم تعرف المنطقة مثله.
وقال المزارع سالم البكري إن المحصول أقل من العام الماضي بنحو الثلث، لكن الثمار أحلى مما كانت.
وتعمل التعاونية على بناء مخزن جديد مبرد يتسع لمئتي طن قبل حلول الشتاء القادم."""


@pytest.fixture
def collection(write: Write, tmp_path: Path) -> Collection:
    return Collection(write, tmp_path)


class Collection:
    """A folder of articles and its index; every file that is written has its own modification time."""

    def __init__(self, write: Write, tmp_path: Path) -> None:
        self._write = write
        self._times: Iterator[int] = count(1)
        self.folder, self.articles = tmp_path / "index", tmp_path / "articles"
        self.embedder = CountingEmbedder()

    def write(self, name: str, content: str | bytes) -> Path:
        path = self._write(name, content)
        second = next(self._times)
        os.utime(path, (second, second))
        return path

    def lines(self, name: str, *rows: dict[str, str]) -> Path:
        return self.write(name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def update(self, *paths: Path) -> IndexingReport:
        return update_index(self.folder, paths or [self.articles], self.embedder)

    def remove(self, *ids: str) -> None:
        remove_articles(self.folder, ids)

    @property
    def catalog(self) -> Catalog:
        return Catalog.open(self.folder)

    @property
    def listing(self) -> CollectionListing:
        return list_articles(self.catalog)

    @property
    def ids(self) -> list[str]:
        return [article.id for article in self.listing.articles]

    @property
    def copies(self) -> dict[str, list[str]]:
        return {owner: [copy.id for copy in copies] for owner, copies in self.listing.copies.items()}

    @property
    def stories(self) -> list[list[str]]:
        return [[article.id for article in story] for story in self.listing.stories if len(story) > 1]

    def found(self, question: str) -> list[str]:
        return [hit.article.id for hit in Retriever(self.folder, HashEmbedder()).search(question)]

    def own_text(self, article_id: str) -> str:
        article = self.catalog.article(article_id)
        return mask_spans(article.text, article.ignored).strip()


class TestCopies:
    """Files with the same text are stored as one article."""

    @pytest.fixture
    def collection(self, collection: Collection) -> Collection:
        collection.write("a.md", f"---\ntitle: First\nsource: The Valley\ndate: 2021-03-01\n---\n{DAM}")
        collection.write("b.md", f"---\ntitle: Second\nsource: The Coast\ndate: 2021-04-02\n---\n{DAM}")
        collection.write("c.txt", PALMS)
        assert sorted(collection.update().added) == ["a", "b", "c"]
        collection.embedder.embedded = 0
        return collection

    def test_copy_is_listed_under_first_article(self, collection: Collection) -> None:
        assert collection.ids == ["a", "c"]
        rows = {row["id"]: row for row in collection.listing.to_json()}
        (copy,) = rows["a"]["copies"]
        assert (copy["id"], copy["title"], copy["source"], copy["date"]) == ("b", "Second", "The Coast", "2021-04-02")
        assert rows["c"]["copies"] == []
        assert collection.found("Who opened the spillway of the dam?").count("a") == 1

    def test_copy_is_readable_by_either_id(self, collection: Collection) -> None:
        first, second = collection.catalog.article("a"), collection.catalog.article("b")
        assert DAM in first.text
        assert DAM in second.text
        assert (first.source, second.source, second.id) == ("The Valley", "The Coast", "b")

    def test_second_run_changes_nothing(self, collection: Collection) -> None:
        before = collection.catalog.generation
        summary = collection.update()
        assert (summary.unchanged, summary.added, summary.updated, summary.removed) == (3, [], [], [])
        assert (collection.embedder.embedded, collection.catalog.generation) == (0, before)

    def test_touched_files_change_nothing(self, collection: Collection) -> None:
        for path in collection.articles.iterdir():
            os.utime(path, (99, 99))
        assert collection.update().unchanged == 3
        assert collection.copies == {"a": ["b"]}

    @pytest.mark.parametrize("by_file", [True, False], ids=["its file goes", "it is removed"])
    def test_copy_replaces_removed_article(self, collection: Collection, by_file: bool) -> None:
        if by_file:
            (collection.articles / "a.md").unlink()
            assert collection.update().removed == ["a"]
        else:
            collection.remove("a")
        assert (collection.ids, collection.copies) == (["b", "c"], {})
        assert collection.found("Who opened the spillway of the dam?")[0] == "b"
        hit = Retriever(collection.folder, HashEmbedder()).search("spillway")[0]
        assert (hit.article.title, hit.article.source) == ("Second", "The Coast")
        assert hit.passage.text in DAM
        assert collection.embedder.embedded == 0

    def test_removing_copy_keeps_article(self, collection: Collection) -> None:
        collection.remove("b")
        assert (collection.ids, collection.copies) == (["a", "c"], {})
        # Its file is still there, so the next run adds it again.
        assert collection.update().added == ["b"]
        assert collection.copies == {"a": ["b"]}

    @pytest.mark.parametrize("ids", [("a", "b"), ("b", "a"), ("a", "a", "b")])
    def test_article_and_copy_are_removed_together(self, collection: Collection, ids: tuple[str, ...]) -> None:
        collection.remove(*ids)
        assert (collection.ids, collection.copies) == (["c"], {})
        assert "a" not in collection.found("spillway of the dam")

    def test_copy_with_new_text_becomes_article(self, collection: Collection) -> None:
        collection.write("b.md", "Volcano\n\nThe volcano erupted at night above the harbour.")
        assert collection.update().updated == ["b"]
        assert (collection.ids, collection.copies) == (["a", "b", "c"], {})
        assert collection.found("Did the volcano erupt?")[0] == "b"

    def test_copy_keeps_old_text_when_article_changes(self, collection: Collection) -> None:
        collection.write("a.md", "Volcano\n\nThe volcano erupted at night above the harbour.")
        assert collection.update().updated == ["a"]
        assert (collection.ids, collection.copies) == (["a", "b", "c"], {})
        assert collection.found("Did the volcano erupt?")[0] == "a"
        assert collection.found("Who opened the spillway?")[0] == "b"

    def test_article_and_copy_change_to_same_text(self, collection: Collection) -> None:
        for name in ("a.md", "b.md"):
            collection.write(name, "Volcano\n\nThe volcano erupted at night above the harbour.")
        assert sorted(collection.update().updated) == ["a", "b"]
        assert (collection.ids, collection.copies) == (["a", "c"], {"a": ["b"]})
        assert collection.catalog.count_passages() == 2

    def test_two_files_swap_texts(self, collection: Collection) -> None:
        collection.write("c.txt", DAM)
        collection.write("a.md", PALMS)
        assert sorted(collection.update().updated) == ["a", "c"]
        assert collection.catalog.article("a").text.startswith("واحة")
        assert collection.copies == {"b": ["c"]}
        assert collection.catalog.count_articles() == 2

    def test_renamed_file_is_not_embedded_again(self, collection: Collection) -> None:
        (collection.articles / "c.txt").rename(collection.articles / "d.txt")
        summary = collection.update()
        assert (summary.added, summary.removed, summary.passages_embedded) == (["d"], ["c"], 0)
        assert collection.ids == ["a", "d"]
        assert collection.found("من قال إن المحصول أقل؟")[0] == "d"
        (collection.articles / "a.md").rename(collection.articles / "z.md")
        assert collection.update().passages_embedded == 0
        assert collection.catalog.count_articles() == 2
        assert collection.catalog.article("b").text == collection.catalog.article("z").text

    def test_copies_inside_one_file(self, collection: Collection) -> None:
        rows = [{"id": name, "text": "The lighthouse was painted white again.", "source": name} for name in "xyz"]
        collection.lines("wire.jsonl", *rows)
        assert collection.update().added == ["x", "y", "z"]
        assert collection.copies["x"] == ["y", "z"]
        collection.lines("wire.jsonl", *rows[1:])
        assert collection.update().removed == ["x"]
        assert collection.copies["y"] == ["z"]

    def test_duplicate_id_in_file_yields_two_stable_ids(self, collection: Collection) -> None:
        rows = [{"id": "x", "text": "The lighthouse was painted white."}, {"id": "x", "text": "The harbour froze."}]
        collection.lines("wire.jsonl", *rows)
        added = collection.update().added
        assert len(set(added)) == 2
        os.utime(collection.articles / "wire.jsonl", (99, 99))
        assert collection.update().unchanged == 5

    def test_copy_differing_in_whitespace_shares_passages(self, collection: Collection) -> None:
        collection.write("d.txt", "  " + DAM.replace("\n", "\r\n\r\n").replace(" ", "  "))
        collection.update()
        assert collection.copies == {"a": ["b", "d"]}
        collection.remove("a", "b")
        for hit in Retriever(collection.folder, HashEmbedder()).search("spillway"):
            assert hit.article.text[hit.passage.start : hit.passage.end] == hit.passage.text

    def test_repair_keeps_copies(self, collection: Collection) -> None:
        repair(collection.folder, collection.embedder)
        assert collection.copies == {"a": ["b"]}
        assert collection.update().unchanged == 3
        assert collection.embedder.embedded == 0


def test_id_is_stable_when_same_named_file_is_removed(collection: Collection) -> None:
    """A citation of `report-3f2a1b` must still resolve later."""
    collection.write("2020/report.txt", "Report of 2020\n\nIt rained.")
    collection.write("2021/report.txt", "Report of 2021\n\nIt snowed.")
    collection.update()
    (second,) = (a.id for a in collection.listing.articles if "snowed" in a.text)
    (collection.articles / "2020" / "report.txt").unlink()
    collection.update()
    collection.write("2021/report.txt", "Report of 2021\n\nIt snowed, and then it rained.")
    summary = collection.update()
    assert (summary.updated, summary.added, summary.removed) == ([second], [], [])


class TestStories:
    """Articles that tell one story are grouped, whichever runs add them."""

    @pytest.fixture
    def collection(self, collection: Collection) -> Collection:
        for name, text in (("a", DAM), ("b", DAM_RETOLD), ("c", PALMS), ("d", DAM.replace("Monday", "Tuesday"))):
            collection.write(f"{name}.txt", text)
            collection.update()
        return collection

    def test_stories_are_grouped_across_runs(self, collection: Collection) -> None:
        assert collection.stories == [["a", "b", "d"]]
        rows = {row["id"]: row["same_story"] for row in collection.listing.to_json()}
        assert rows == {"a": ["b", "d"], "b": ["a", "d"], "c": [], "d": ["a", "b"]}

    def test_removed_article_leaves_story(self, collection: Collection) -> None:
        collection.remove("a")
        assert collection.stories == [["b", "d"]]
        collection.remove("d")
        assert collection.stories == []
        assert collection.update().added == ["a", "d"]
        assert collection.stories == [["a", "b", "d"]]

    def test_changed_article_moves_to_other_story(self, collection: Collection) -> None:
        collection.write("b.txt", PALMS.replace("السدر", "العين"))
        collection.update()
        assert collection.stories == [["a", "d"], ["b", "c"]]

    def test_copy_replacing_article_joins_its_story(self, collection: Collection) -> None:
        collection.write("copy.txt", DAM)
        collection.update()
        assert collection.stories == [["a", "b", "d"]]
        collection.remove("a")
        assert collection.stories == [["b", "copy", "d"]]

    def test_search_returns_one_passage_per_story(self, collection: Collection) -> None:
        hits = Retriever(collection.folder, HashEmbedder()).search("the spillway of the dam", one_per_story=True)
        stories = [{hit.article.id, *(other.id for other in hit.others)} for hit in hits]
        assert stories[0] == {"a", "b", "d"}
        assert [story for story in stories if "a" in story] == stories[:1]

    def test_repair_rebuilds_stories(self, collection: Collection) -> None:
        repair(collection.folder, collection.embedder)
        assert collection.stories == [["a", "b", "d"]]


BANNER = "The Harbour Gazette – est. 1911"
SUBJECTS = ["lighthouse", "ferry", "market", "orchard", "tunnel", "museum", "quarry", "theatre", "bakery", "library",
            "stadium", "fountain"]  # fmt: skip


def report(subject: str, banner: str = f"{BANNER}\n") -> str:
    return (
        f"{banner}News of the {subject}\n\nThe {subject} was opened to the public on Sunday after long repairs.\n"
        f"Many people came to see the {subject}, and the keeper of the {subject} spoke about its past."
    )


class TestBanners:
    """A line that most articles of a source share is boilerplate of the source."""

    def fill(self, collection: Collection, few: int, banner: str = f"{BANNER}\n") -> None:
        for subject in SUBJECTS[:few]:
            collection.write(f"{subject}.txt", report(subject, banner))

    def with_banner(self, collection: Collection) -> set[str]:
        return {article.id for article in collection.listing.articles if BANNER in collection.own_text(article.id)}

    def test_repeated_banner_is_ignored_in_stored_articles_too(self, collection: Collection) -> None:
        few = MIN_ARTICLES - 1
        self.fill(collection, few)
        collection.update()
        assert self.with_banner(collection) == set(SUBJECTS[:few])
        before = {article.id: article.text for article in collection.listing.articles}
        self.fill(collection, few + 1)
        collection.update()
        assert self.with_banner(collection) == set()
        after = {article.id: article.text for article in collection.listing.articles}
        assert {name: after[name] for name in before} == before
        for subject in SUBJECTS[: few + 1]:
            assert collection.own_text(subject) == report(subject, "")
            assert any(subject == found for found in collection.found(f"Who is the keeper of the {subject}?")[:3])
        numbers = range(1, 100)
        assert all(BANNER not in stored.passage.text for stored in collection.catalog.passages(numbers))

    def test_headline_is_title_in_any_indexing_order(self, collection: Collection) -> None:
        self.fill(collection, MIN_ARTICLES - 1)
        collection.update()
        self.fill(collection, MIN_ARTICLES + 1)
        collection.update()
        titles = {article.id: article.title for article in collection.listing.articles}
        assert titles == {subject: f"News of the {subject}" for subject in SUBJECTS[: MIN_ARTICLES + 1]}

    def test_banner_is_restored_when_source_grows_without_it(self, collection: Collection) -> None:
        self.fill(collection, MIN_ARTICLES)
        collection.update()
        assert self.with_banner(collection) == set()
        for subject in SUBJECTS[MIN_ARTICLES : 2 * MIN_ARTICLES]:
            collection.write(f"{subject}.txt", report(subject, ""))
        collection.update()
        assert self.with_banner(collection) == set(SUBJECTS[:MIN_ARTICLES])
        assert collection.update().unchanged == 2 * MIN_ARTICLES

    @pytest.mark.parametrize("by_file", [True, False], ids=["its file goes", "it is removed"])
    def test_banner_is_restored_when_too_few_have_it(self, collection: Collection, by_file: bool) -> None:
        self.fill(collection, MIN_ARTICLES)
        collection.update()
        if by_file:
            (collection.articles / f"{SUBJECTS[0]}.txt").unlink()
        else:
            collection.remove(SUBJECTS[0])
            (collection.articles / f"{SUBJECTS[0]}.txt").unlink()
        collection.update()
        assert self.with_banner(collection) == set(SUBJECTS[1:MIN_ARTICLES])

    def test_copies_do_not_count_towards_banner(self, collection: Collection) -> None:
        for name in range(2 * MIN_ARTICLES):
            collection.write(f"{name}.txt", report("ferry"))
        collection.update()
        assert BANNER in collection.own_text("0")

    def test_copies_stories_and_ids_survive_rechunking(self, collection: Collection) -> None:
        collection.write("dam.txt", f"{BANNER}\n{DAM}")
        collection.write("dam-again.txt", f"{BANNER}\n{DAM_RETOLD}")
        collection.write("copies/dam-copy.txt", f"{BANNER}\n{DAM}")
        collection.update()
        before = collection.ids, collection.copies, collection.stories
        assert collection.stories
        self.fill(collection, MIN_ARTICLES)
        collection.update()
        owner = next(iter(collection.copies))
        assert BANNER not in collection.own_text("dam-again")
        for subject in SUBJECTS[:MIN_ARTICLES]:
            (collection.articles / f"{subject}.txt").unlink()
        collection.update()
        assert (collection.ids, collection.copies, collection.stories) == before
        collection.remove(owner)
        assert collection.catalog.article(*before[1][owner]).text == f"{BANNER}\n{DAM}"

    def test_copy_replacing_article_counts_towards_banner(self, collection: Collection) -> None:
        self.fill(collection, MIN_ARTICLES)
        collection.write("copy.txt", report(SUBJECTS[0]))
        collection.update()
        first, (second, *_) = next(iter(collection.copies.items()))
        collection.write(f"{first}.txt", report("lagoon"))
        collection.update()
        assert self.with_banner(collection) == set()
        assert collection.catalog.article(second).text == report(SUBJECTS[0])

    def test_banner_is_title_when_there_is_no_headline(self, collection: Collection) -> None:
        for subject in SUBJECTS[:MIN_ARTICLES]:
            prose = report(subject, "").partition("\n\n")[2]
            collection.write(f"{subject}.txt", f"{BANNER}\n\n{prose}")
        collection.update()
        assert {article.title for article in collection.listing.articles} == {BANNER}

    def test_repair_keeps_banner_counts(self, collection: Collection) -> None:
        self.fill(collection, MIN_ARTICLES)
        collection.update()
        repair(collection.folder, collection.embedder)
        assert self.with_banner(collection) == set()
        self.fill(collection, MIN_ARTICLES + 1)
        collection.update()
        assert self.with_banner(collection) == set()
        assert len(collection.ids) == MIN_ARTICLES + 1


class TestFiles:
    """Archives, damaged files and nested folders."""

    def test_archive_members_are_indexed_and_updated(self, collection: Collection) -> None:
        members: dict[str, bytes | str] = {
            "أخبار/واحة.txt": "بدأ المزارعون قطف التمور هذا الأسبوع.",
            "2020/report.txt": "It rained.",
            "2021/report.txt": "It snowed.",
            "broken.pdf": "no pdf",
            "notes.jsonl": '{"text": "The first note."}\n{"text": "The second note."}\n',
        }
        path = collection.write("news.zip", zip_of(members))
        summary = collection.update()
        assert len(summary.added) == 5
        assert [(skipped.member, skipped.reason) for skipped in summary.skipped] == [("broken.pdf", "broken_document")]
        assert collection.catalog.article("واحة").language == "ar"
        texts = {article.text.strip(): article for article in collection.listing.articles}
        assert texts["It rained."].id != texts["It snowed."].id
        assert collection.update().unchanged == 5
        del members["2020/report.txt"]
        gone = texts["It rained."].id
        collection.write(path.name, zip_of(members))
        summary = collection.update()
        assert (summary.removed, summary.unchanged, summary.added) == ([gone], 4, [])
        assert texts["It snowed."].id in collection.ids

    def test_archive_member_without_headline_has_title(self, collection: Collection) -> None:
        collection.write("news.zip", zip_of({"ميناء.html": "<html><body><p></p></body></html>", "قمر.txt": "…\n\n…"}))
        collection.update()
        assert all(article.title for article in collection.listing.articles)

    def test_folder_and_its_archive_are_deduplicated(self, collection: Collection) -> None:
        collection.write("dam.txt", DAM)
        collection.write("packed.zip", zip_of({"dam.txt": DAM, "palms.txt": PALMS}))
        collection.update()
        assert collection.catalog.count_articles() == 2
        assert sum(map(len, collection.copies.values())) == 1

    def test_damaged_files_do_not_affect_good_ones(self, collection: Collection) -> None:
        collection.write("good.txt", DAM)
        collection.write("z-good.txt", PALMS)
        for suffix in fuzz.seeds():
            for number in range(3):
                collection.write(f"hostile-{number}{suffix}", fuzz.damaged(suffix, number))
        summary = collection.update()
        assert {"good", "z-good"} <= set(collection.ids)
        told = {Path(skipped.path).name for skipped in summary.skipped}
        for path in collection.articles.iterdir():
            assert path.name in told or collection.catalog.digests_by_path().get(str(path)), path.name
        again = collection.update()
        assert (again.unchanged, again.added, again.updated, again.removed) == (len(summary.added), [], [], [])
        assert again.skipped == summary.skipped
        assert collection.found("Who opened the spillway of the dam?")[0] == "good"

    @pytest.mark.parametrize("reason", [*sorted(sandbox.FAILURES), "cannot_be_read"])
    def test_failed_parse_keeps_indexed_article(
        self, collection: Collection, reason: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        collection.write("dam.txt", DAM)
        collection.update()
        collection.write("dam.txt", DAM_RETOLD)
        with monkeypatch.context() as patched:
            refused = [Rejected(reason)]
            patched.setattr(sandbox.SandboxedParser, "read", lambda *_: ([], refused))
            summary = collection.update()
        assert ([skipped.reason for skipped in summary.skipped], summary.removed) == ([reason], [])
        assert collection.catalog.article("dam").text == DAM
        assert collection.update().updated == ["dam"]

    def test_emptied_file_is_removed_from_index(self, collection: Collection) -> None:
        collection.write("dam.txt", DAM)
        collection.write("palms.txt", PALMS)
        collection.update()
        collection.write("dam.txt", " \n")
        summary = collection.update()
        assert (summary.removed, [skipped.reason for skipped in summary.skipped]) == (["dam"], ["empty"])
        assert collection.ids == ["palms"]

    def test_removed_articles_are_added_again(self, collection: Collection) -> None:
        collection.write("dam.txt", DAM)
        collection.write("palms.txt", PALMS)
        collection.update()
        collection.remove("dam", "palms")
        assert (collection.ids, collection.found("spillway")) == ([], [])
        assert sorted(collection.update().added) == ["dam", "palms"]
        assert collection.found("spillway")[0] == "dam"

    def test_nested_folders_are_indexed_once(self, collection: Collection) -> None:
        collection.write("2021/dam.txt", DAM)
        collection.write("2022/palms.txt", PALMS)
        assert len(collection.update(collection.articles, collection.articles / "2021").added) == 2
        (collection.articles / "2022" / "palms.txt").unlink()
        assert collection.update(collection.articles / "2021").removed == []
        assert collection.update().removed == ["palms"]

    def test_bilingual_article_has_passages_in_both_languages(self, collection: Collection) -> None:
        collection.write("both.txt", "\n\n".join([*[DAM] * 3, *[PALMS] * 5]))
        collection.update()
        languages = {language for (language,) in collection.catalog.rows("SELECT language FROM passages")}
        assert languages == {"ar", "en"}
