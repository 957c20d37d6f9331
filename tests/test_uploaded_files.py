"""Uploaded files go when no article comes from them any more, and nothing else does."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from index.indexer import Progress, create_index, remove_articles, update_index
from index.planner import IndexingReport
from index.storage import durable
from index.storage.lock import FILE
from ui.app import App
from ui.cli import main
from ui.collections.repository import CollectionRepository
from ui.config import load_config
from ui.jobs.job_queue import JobQueue
from ui.jobs.page_upload import PageUpload, UploadManager
from ui.jobs.repository import JobRepository, store_of
from ui.jobs.upload_dir import UploadDirectory
from ui.jobs.uploaded_files import UploadedFiles
from ui.server.collection_registry import CollectionRegistry
from ui.server.serve import open_collection, open_jobs
from ui.site import Collection
from ui.telemetry.telemetry import Telemetry

TRAM, FERRY, PORT = "The tram opened in May.", "The ferry leaves at noon.", "The old port was closed for two days."


class Place:
    """Everything of one Jawab, without a server."""

    def __init__(self, folder: Path) -> None:
        places = {name: folder / name for name in ("index", "conversations", "collections", "brought")}
        create_index(places["index"])
        self.app = App(load_config(embedder="fake", llm="fake", **places))
        self.folders = CollectionRepository(places["index"], places["collections"])
        self.uploaded = UploadedFiles.of(self.app.config)
        self.library = CollectionRegistry(self.folders, partial(open_collection, self.app, Telemetry()))
        self.jobs: JobQueue = open_jobs(self.app, self.folders)

    def close(self) -> None:
        self.jobs.close()
        self.library.close()

    def upload(self, collection: str = "first", **texts: str) -> Path:
        """The folder of an upload over the API, once it was read."""
        self.open(collection)
        upload = self.jobs.begin("", None)
        parcel = UploadDirectory(folder=upload.folder)
        for name, text in texts.items():
            parcel.place_for(f"{name}.txt").write_text(text, encoding="utf-8")
        job = self.jobs.accept(upload, parcel, collection, "")
        wait_for(lambda: self.jobs.find(job.id).is_over)
        assert self.jobs.find(job.id).state == "done"
        return upload.folder

    def bring(self, collection: str = "first", **texts: str) -> PageUpload:
        """The summary of an upload of the page, once it was read."""
        porter = self.open(collection).porter
        bringing = received(porter, **texts)
        porter.read(bringing)
        wait_for(lambda: bringing.state == "done" and not lock_of(bringing).exists())
        return bringing

    def open(self, collection: str = "first") -> Collection:
        return self.library.find(collection)

    def take_out(self, *articles: str, collection: str = "first") -> None:
        """Takes articles out as the page does, at once."""
        removals = self.open(collection).removals
        for article in articles:
            removals.take_out(article)
        removals.finish()


def received(porter: UploadManager, **texts: str) -> PageUpload:
    """The upload that was received, before it is read."""
    bringing = porter.begin()
    for name, text in texts.items():
        porter.place_for(bringing, f"{name}.txt").write_text(text, encoding="utf-8")
    return bringing


def lock_of(bringing: PageUpload) -> Path:
    return Path(f"{bringing.folder}.lock")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def wait_for(done: object) -> None:
    deadline = time.monotonic() + 20
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with closing(Place(tmp_path)) as place:
        yield place


def test_an_upload_is_on_the_disk_before_it_is_a_job(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, accept = durable._sync, JobRepository.accept

    def noted_sync(path: Path, flags: int) -> None:
        done.append(path.name)
        sync(path, flags)

    def noted_accept(store: JobRepository, job: str, *given: Any) -> None:
        done.append("accepted")
        accept(store, job, *given)

    monkeypatch.setattr(durable, "_sync", noted_sync)
    monkeypatch.setattr(JobRepository, "accept", noted_accept)
    folder = place.upload(tram=TRAM)
    assert done[: done.index("accepted")] == ["tram.txt", folder.name, "jobs", "brought", folder.parents[2].name]


class TestAfterARemoval:
    def test_the_file_goes_and_those_of_other_articles_stay(self, place: Place) -> None:
        for folder in (place.upload(tram=TRAM, ferry=FERRY), place.bring(port=PORT, market=f"{PORT} {TRAM}").folder):
            first, second = names(folder)
            place.take_out(first.removesuffix(".txt"))
            assert names(folder) == [second]
            place.take_out(second.removesuffix(".txt"))
            assert not folder.exists()
        assert place.app.config.paths.uploads.exists()

    def test_a_file_that_was_not_read_goes_with_the_others(self, place: Place) -> None:
        folder = place.upload(tram=TRAM, empty="")
        assert names(folder) == ["empty.txt", "tram.txt"]
        place.take_out("tram")
        assert not folder.exists()

    def test_a_removal_that_can_be_taken_back_deletes_nothing(self, place: Place) -> None:
        folder, removals = place.upload(tram=TRAM), place.open().removals
        removals.take_out("tram")
        assert names(folder) == ["tram.txt"] and removals.bring_back("tram")
        assert names(folder) == ["tram.txt"]

    def test_the_file_of_a_copy_stays(self, place: Place) -> None:
        folder, other = place.upload(tram=TRAM), place.upload(again=TRAM)
        place.take_out("tram")
        assert not folder.exists() and names(other) == ["again.txt"]

    def test_over_the_command_line(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = place.upload(tram=TRAM)
        for name in ("index", "brought", "collections"):
            monkeypatch.setenv(f"JAWAB_{name.upper()}", str(getattr(place.app.config, name)))
        main(["articles", "remove", "tram"])
        assert not folder.exists()

    def test_a_file_of_a_job_that_is_not_done_stays(self, place: Place) -> None:
        """It was read, and the server was killed before it could say so: it is read once more."""
        folder = place.upload(tram=TRAM)
        with closing(store_of(place.app.config.paths.uploads)) as store:
            store.change(folder.name, "queued")
        place.take_out("tram")
        assert names(folder) == ["tram.txt"]

    def test_what_a_file_of_another_name_took_the_place_of(self, place: Place) -> None:
        line = '{"id": "tram", "text": "%s"}'
        folder = place.bring(a=TRAM).folder
        (folder.parent / "x").mkdir()
        older, newer = (place.jobs.begin("", None) for _ in range(2))
        for upload, text in ((older, PORT), (newer, FERRY)):
            parcel = UploadDirectory(folder=upload.folder)
            parcel.place_for("articles-1.jsonl").write_text(line % text, encoding="utf-8")
            job = place.jobs.accept(upload, parcel, "first", "")
            wait_for(lambda job=job: place.jobs.find(job.id).is_over)
        assert not older.folder.exists() and names(newer.folder) == ["articles-1.jsonl"] and names(folder) == ["a.txt"]


class TestWhatStays:
    def test_what_a_user_named(self, place: Place, tmp_path: Path) -> None:
        own = tmp_path / "articles"
        below = place.app.config.paths.uploads / "first" / "notes"
        for folder in (own, below):
            folder.mkdir(parents=True)
            (folder / "tram.txt").write_text(f"{TRAM} {folder.name}", encoding="utf-8")
            update_index(place.app.config.paths.index, [folder], place.app.components.embedder)
        ids = [article.id for article in place.open().articles.articles()]  # type: ignore[attr-defined]
        place.take_out(*ids)
        assert names(own) == names(below) == ["tram.txt"]

    @pytest.mark.parametrize("where", ["../{}/a.txt", "first/../../{}/a.txt", "first/{}", "../../{}/b/a.txt"])
    def test_no_path_in_an_index_leads_elsewhere(self, place: Place, tmp_path: Path, where: str) -> None:
        name = "abcdefghijklmnop"
        for folder in (tmp_path / name, tmp_path.parent / name / "b"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "a.txt").write_text("mine")
        place.uploaded.delete_vacated([f"{place.app.config.paths.uploads}/{where.format(name)}"])
        assert (tmp_path / name / "a.txt").exists() and (tmp_path.parent / name / "b" / "a.txt").exists()

    def test_what_a_link_leads_to(self, place: Place, tmp_path: Path) -> None:
        mine = tmp_path / "mine"
        mine.mkdir()
        (mine / "a.txt").write_text("mine")
        link = place.app.config.paths.uploads / "first" / "abcdefghijklmnop"
        link.parent.mkdir(parents=True)
        link.symlink_to(mine)
        place.uploaded.delete_vacated([str(link / "a.txt")])
        folder = place.bring(tram=TRAM).folder
        (folder / "inner").symlink_to(mine)
        place.take_out("tram")
        assert names(mine) == ["a.txt"]

    def test_everything_where_an_index_is_damaged(self, place: Place) -> None:
        folder, other = place.upload(tram=TRAM), place.folders.make("Other").id
        place.upload(other, ferry=FERRY)
        damaged = place.folders.index_of(other) / FILE
        whole = damaged.read_bytes()
        damaged.write_bytes(b"no database" * 1000)
        place.take_out("tram")
        assert names(folder) == ["tram.txt"]
        damaged.write_bytes(whole)

    def test_what_an_article_of_another_collection_comes_from(self, place: Place) -> None:
        folder, other = place.upload(tram=TRAM), place.folders.make("Other").id
        place.open(other)
        update_index(place.folders.index_of(other), [folder / "tram.txt"], place.app.components.embedder)
        place.library.remove(other)
        place.take_out("tram")
        assert names(folder) == ["tram.txt"]
        remove_articles(place.folders.place_of(other), ["tram"])
        place.uploaded.delete_vacated([str(folder / "tram.txt")])
        assert not folder.exists()


class TestCollectionForGood:
    def test_its_files_go_with_it(self, place: Place) -> None:
        other, beside = place.folders.make("Other").id, place.folders.make("Beside").id
        own = [place.upload(other, tram=TRAM), place.bring(other, ferry=FERRY).folder]
        stay = [place.upload(beside, tram=TRAM), place.bring(beside, ferry=FERRY).folder, place.upload(tram=TRAM)]
        place.library.remove(other)
        place.folders.forget_removed(place.uploaded.delete_of)
        assert all(folder.exists() for folder in (*own, *stay))
        self.age(place, other)
        place.folders.forget_removed(place.uploaded.delete_of)
        assert not any(folder.exists() for folder in (*own, own[1].parent, place.folders._removed(other)))
        assert all(names(folder) for folder in stay)

    def test_it_stays_with_its_files_while_an_index_is_damaged(self, place: Place) -> None:
        other = place.folders.make("Other").id
        folder = place.upload(other, tram=TRAM)
        place.library.remove(other)
        self.age(place, other)
        file = place.app.config.paths.index / FILE
        whole = file.read_bytes()
        place.library.close()
        file.write_bytes(b"no database" * 1000)
        place.folders.forget_removed(place.uploaded.delete_of)
        assert names(folder) == ["tram.txt"] and place.folders.place_of(other).exists()
        file.write_bytes(whole)
        place.folders.forget_removed(place.uploaded.delete_of)
        assert not folder.exists()

    def test_a_damaged_index_of_its_own_does_not_keep_it(self, place: Place) -> None:
        other = place.folders.make("Other").id
        folder = place.upload(other, tram=TRAM)
        place.library.remove(other)
        (place.folders.place_of(other) / FILE).write_bytes(b"no database" * 1000)
        self.age(place, other)
        place.folders.forget_removed(place.uploaded.delete_of)
        assert not folder.exists() and not place.folders._removed(other).exists()

    def age(self, place: Place, collection: str) -> None:
        os.utime(place.folders._removed(collection), (time.time() - 8 * 86400,) * 2)


class TestBrokenOff:
    def broken_off(self, bringing: PageUpload) -> Path:
        """As the end of its server leaves it."""
        assert bringing.lock
        bringing.lock.release()
        return bringing.folder

    def test_one_of_a_server_that_ended_goes(self, place: Place) -> None:
        folder = self.broken_off(received(place.open().porter, tram=TRAM))
        place.uploaded.delete_broken_off()
        assert not folder.exists() and not folder.with_suffix(".lock").exists()

    def test_one_that_is_under_way_stays(self, place: Place) -> None:
        porter = place.open().porter
        bringing = received(porter, tram=TRAM)
        place.uploaded.delete_broken_off()
        assert names(bringing.folder) == ["tram.txt"]
        porter.read(bringing)
        wait_for(lambda: bringing.state == "done" and not lock_of(bringing).exists())
        place.uploaded.delete_broken_off()
        assert names(bringing.folder) == ["tram.txt"]

    def test_one_whose_articles_are_in_stays(self, place: Place) -> None:
        index, app = place.app.config.paths.index, place.app

        def killed(folder: Path, progress: Progress) -> IndexingReport:
            update_index(index, [folder], app.components.embedder)
            raise KeyboardInterrupt

        bringing = received(UploadManager(app.config.paths.uploads / "first", killed), tram=TRAM, empty="")
        porter = UploadManager(app.config.paths.uploads / "first", killed)
        with pytest.raises(KeyboardInterrupt):
            porter._read(bringing)
        folder = self.broken_off(bringing)
        place.uploaded.delete_broken_off()
        assert names(folder) == ["tram.txt"] and not lock_of(bringing).exists()

    def test_nothing_goes_where_the_index_is_missing(self, place: Place) -> None:
        folder = self.broken_off(received(place.open().porter, tram=TRAM))
        index = place.app.config.paths.index
        index.rename(index.with_name("elsewhere"))
        place.uploaded.delete_broken_off()
        assert names(folder) == ["tram.txt"]
        shutil.move(index.with_name("elsewhere"), index)
        place.uploaded.delete_broken_off()
        assert not folder.exists()
