"""Ingesting, updating and removing articles, and searching their passages, with the fake embedder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from index.embeddings import PassageEmbedding, PassageText, Progress
from index.errors import (
    ArticleMissing,
    IndexDamaged,
    IndexLocked,
    IndexMismatch,
    IndexMissing,
    NothingToIndex,
    PathNotFound,
)
from index.fakes import HashEmbedder
from index.indexer import remove_articles, update_index
from index.planner import IndexingReport
from index.retriever import Retriever
from index.storage.catalog import Catalog
from index.storage.lock import FILE
from index.storage.writing import writing

Write = Callable[[str, str | bytes], Path]
Index = Callable[..., IndexingReport]
Search = Callable[[], Retriever]


class CountingEmbedder(HashEmbedder):
    """Counts the passages it embeds, and can be interrupted after a number of them."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.embedded = 0
        self.stop_after = stop_after

    def embed_passages(self, texts: Sequence[PassageText], progress: Progress | None = None) -> list[PassageEmbedding]:
        if self.stop_after is not None and self.embedded >= self.stop_after:
            raise KeyboardInterrupt
        self.embedded += len(texts)
        return super().embed_passages(texts, progress)


def test_ingested_articles_are_searchable(write: Write, indexed: Index, retriever: Search) -> None:
    write("tram.md", "---\ntitle: الترام\ndate: 2022-03-13\n---\nانطلقت أولى عربات الترام في المدينة صباح السبت.")
    write("weevil.txt", "The red palm weevil\n\nA small beetle eats the heart of the date palm.")
    summary = indexed()
    assert sorted(summary.added) == ["tram", "weevil"]
    hit = retriever().search("متى انطلق الترام؟")[0]
    assert (hit.article.id, hit.article.title, hit.article.date) == ("tram", "الترام", "2022-03-13")
    assert hit.passage.text == hit.article.text[hit.passage.start : hit.passage.end]
    assert hit.sentences[0].text == "انطلقت أولى عربات الترام في المدينة صباح السبت."
    assert retriever().search("Which beetle eats the palm?")[0].article.id == "weevil"


def test_reindexing_embeds_only_changed_articles(write: Write, tmp_path: Path) -> None:
    folder, articles = tmp_path / "index", tmp_path / "articles"
    for name in ("a", "b", "c"):
        write(f"{name}.txt", f"Headline {name}\n\nThe text of article {name} is here.")
    embedder = CountingEmbedder()
    update_index(folder, [articles], embedder)
    assert embedder.embedded == 3
    again = update_index(folder, [articles], embedder)
    assert (again.unchanged, again.added, again.updated, embedder.embedded) == (3, [], [], 3)
    path = write("b.txt", "Headline b\n\nThe text of article b is another one.")
    os.utime(path, (1, 1))
    changed = update_index(folder, [articles], embedder)
    assert (changed.updated, changed.unchanged, embedder.embedded) == (["b"], 2, 4)
    os.utime(path, (2, 2))
    touched = update_index(folder, [articles], embedder)
    assert (touched.updated, touched.unchanged, embedder.embedded) == ([], 3, 4)


def test_files_deleted_from_folder_are_removed_from_index(
    write: Write, indexed: Index, retriever: Search, tmp_path: Path
) -> None:
    gone = write("gone.txt", "Gone\n\nThis one will go.")
    write("stays.txt", "Stays\n\nThis one stays.")
    other = tmp_path / "other.txt"
    other.write_text("Other\n\nFrom another place.")
    indexed()
    indexed(other)
    gone.unlink()
    assert indexed().removed == ["gone"]
    assert {article.id for article in retriever().catalog.articles()} == {"stays", "other"}
    assert all(hit.article.id != "gone" for hit in retriever().search("This one will go"))


def test_line_deleted_from_jsonl_is_removed_from_index(write: Write, indexed: Index, retriever: Search) -> None:
    path = write("news.jsonl", '{"id": "x", "text": "first text"}\n{"id": "y", "text": "second text"}\n')
    assert sorted(indexed().added) == ["x", "y"]
    path.write_text('{"id": "y", "text": "second text"}\n')
    os.utime(path, (1, 1))
    assert indexed().removed == ["x"]


def test_files_with_same_name_are_separate_articles(write: Write, indexed: Index, retriever: Search) -> None:
    write("2020/report.txt", "Report of 2020\n\nIt rained.")
    write("2021/report.txt", "Report of 2021\n\nIt snowed.")
    assert len(indexed().added) == 2
    before = {article.id: article.text for article in retriever().catalog.articles()}
    assert indexed().unchanged == 2
    assert {article.id: article.text for article in retriever().catalog.articles()} == before


def test_interrupted_run_preserves_computed_embeddings(write: Write, tmp_path: Path) -> None:
    folder, articles = tmp_path / "index", tmp_path / "articles"
    for number in range(100):
        write(f"{number}.txt", f"Headline {number}\n\nText number {number}.")
    with pytest.raises(KeyboardInterrupt):
        update_index(folder, [articles], CountingEmbedder(stop_after=64))
    assert Catalog.open(folder).count_articles() == 0
    rest = CountingEmbedder()
    assert len(update_index(folder, [articles], rest).added) == 100
    assert rest.embedded == 36


def test_open_retriever_sees_index_updates(write: Write, indexed: Index, retriever: Search) -> None:
    write("a.txt", "First\n\nThe first article.")
    indexed()
    opened = retriever()
    write("b.txt", "Volcano\n\nThe volcano erupted at night.")
    indexed()
    assert opened.search("When did the volcano erupt?")[0].article.id == "b"


def test_remove_articles(write: Write, indexed: Index, retriever: Search, tmp_path: Path) -> None:
    write("a.txt", "First\n\nThe first article.")
    write("b.txt", "Second\n\nThe second article.")
    indexed()
    with pytest.raises(ArticleMissing):
        remove_articles(tmp_path / "index", ["a", "nowhere"])
    assert retriever().catalog.count_articles() == 2
    remove_articles(tmp_path / "index", ["a"])
    assert [article.id for article in retriever().catalog.articles()] == ["b"]
    assert indexed().added == ["a"]


def test_boilerplate_is_excluded_from_passages(write: Write, indexed: Index, retriever: Search) -> None:
    write("a.txt", "عنوان المقال\nقال الوزير إن العمل سيبدأ غداً.\nشارك القصة\nClose\n")
    indexed()
    hits = retriever().search("شارك القصة", k=5)
    assert hits
    assert all("شارك" not in hit.passage.text for hit in hits)
    assert "شارك القصة" in retriever().catalog.article("a").text


class TestBadInput:
    def test_empty_folder(self, tmp_path: Path, indexed: Index) -> None:
        (tmp_path / "articles").mkdir()
        with pytest.raises(NothingToIndex):
            indexed()

    def test_missing_path(self, tmp_path: Path, indexed: Index) -> None:
        with pytest.raises(PathNotFound):
            indexed(tmp_path / "nowhere")

    def test_unreadable_files_are_reported_and_others_ingested(self, write: Write, indexed: Index) -> None:
        write("empty.txt", "")
        write("image.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4)
        write("lines.jsonl", '{"id": "good", "text": "A good line."}\n{"broken\n')
        write("good.txt", "Good\n\nA good article.")
        summary = indexed()
        assert len(summary.added) == 2
        said = {(Path(skipped.path).name, skipped.reason, skipped.line) for skipped in summary.skipped}
        assert said == {
            ("empty.txt", "empty", None),
            ("image.txt", "not_text", None),
            ("lines.jsonl", "broken_json", 2),
        }
        again = indexed()
        assert {skipped.reason for skipped in again.skipped} == {"empty", "not_text", "broken_json"}

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can put the rights down and take them up again")
    def test_folder_without_read_permission_is_skipped(self, write: Write, indexed: Index, tmp_path: Path) -> None:
        write("open.txt", "Open\n\nThis may be read.")
        closed = write("closed/secret.txt", "Secret\n\nThis may not.").parent
        indexed()  # what is needed is imported now, while everything may be read
        for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
            folder.chmod(folder.stat().st_mode | 0o011)
        for path in (tmp_path / "index").rglob("*"):
            path.chmod(0o666)
        (tmp_path / "index").chmod(0o777)
        closed.chmod(0)
        os.seteuid(65534)
        try:
            summary = indexed()
        finally:
            os.seteuid(0)
        assert [(Path(skipped.path).name, skipped.reason) for skipped in summary.skipped] == [
            ("closed", "no_permission")
        ]
        assert summary.removed == []

    def test_missing_index(self, tmp_path: Path, retriever: Search) -> None:
        with pytest.raises(IndexMissing):
            retriever()

    def test_damaged_catalog(self, write: Write, indexed: Index, retriever: Search, tmp_path: Path) -> None:
        write("a.txt", "First\n\nThe first article.")
        indexed()
        (tmp_path / "index" / FILE).write_bytes(b"this is no database" * 1000)
        with pytest.raises(IndexDamaged):
            retriever()

    @pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"rubbish" * 9)])
    def test_lost_vectors_are_rebuilt_from_catalog(
        self, write: Write, indexed: Index, retriever: Search, tmp_path: Path, harm: Callable[[Path], None]
    ) -> None:
        write("a.txt", "Volcano\n\nThe volcano erupted at night.")
        indexed()
        (vectors,) = (tmp_path / "index").glob("vectors-*.faiss")
        harm(vectors)
        assert retriever().search("When did the volcano erupt?")[0].article.id == "a"

    def test_mismatched_embedder_is_rejected(self, write: Write, indexed: Index, tmp_path: Path) -> None:
        write("a.txt", "First\n\nThe first article.")
        indexed()
        other = HashEmbedder(fingerprint="another/64")
        with pytest.raises(IndexMismatch) as refused:
            Retriever(tmp_path / "index", other)
        assert refused.value.fields["expected"] == "another/64"
        with pytest.raises(IndexMismatch):
            update_index(tmp_path / "index", [tmp_path / "articles"], other)

    def test_second_writer_raises_index_locked(self, write: Write, indexed: Index, tmp_path: Path) -> None:
        write("a.txt", "First\n\nThe first article.")
        with writing(tmp_path / "index"), pytest.raises(IndexLocked):
            indexed()
        assert indexed().added == ["a"]
