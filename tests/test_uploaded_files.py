"""Uploaded files are deleted once no article comes from them any more; no other files are deleted."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from index.indexer import create_index, remove_articles, update_index
from index.storage import durable
from index.storage.lock import FILE
from ui.app import App
from ui.cli import main
from ui.collections.repository import CollectionRepository
from ui.config import SHORT_NAMES, load_config, variable
from ui.jobs.job_queue import JobQueue
from ui.jobs.repository import JobRepository, store_of
from ui.jobs.upload_dir import UploadDirectory
from ui.jobs.uploaded_files import UploadedFiles
from ui.server.collection_registry import CollectionRegistry
from ui.server.serve import open_collection, open_jobs
from ui.services import Collection
from ui.telemetry.telemetry import Telemetry

TRAM, FERRY, PORT = "The tram opened in May.", "The ferry leaves at noon.", "The old port was closed for two days."


class Deployment:
    """A complete Jawab installation without an HTTP server."""

    def __init__(self, folder: Path) -> None:
        places = {name: folder / name for name in ("index", "conversations", "collections", "uploads")}
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
        """Uploads as API and page do, waits until the job is done, and returns the folder of the upload."""
        self.open(collection)
        upload = self.jobs.begin("", None)
        upload_directory = UploadDirectory(folder=upload.folder)
        for name, text in texts.items():
            upload_directory.place_for(f"{name}.txt").write_text(text, encoding="utf-8")
        job = self.jobs.accept(upload, upload_directory, collection, "")
        wait_for(lambda: self.jobs.find(job.id).is_over)
        assert self.jobs.find(job.id).state == "done"
        return upload.folder

    def earlier_upload(self, collection: str = "first", interrupted: bool = False, **texts: str) -> Path:
        """Returns the folder of an upload from the page of an earlier version, indexed unless it is interrupted."""
        self.open(collection)
        folder = self.app.config.paths.uploads / collection / secrets.token_urlsafe(12)
        folder.mkdir(parents=True)
        for name, text in texts.items():
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        if interrupted:
            folder.with_suffix(".lock").touch()
        else:
            update_index(self.folders.index_of(collection), [folder], self.app.components.embedder)
        return folder

    def open(self, collection: str = "first") -> Collection:
        return self.library.find(collection)

    def take_out(self, *articles: str, collection: str = "first") -> None:
        """Removes articles as the page does, without the undo delay."""
        pending_deletions = self.open(collection).pending_deletions
        for article in articles:
            pending_deletions.take_out(article)
        pending_deletions.finish()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def wait_for(done: object) -> None:
    deadline = time.monotonic() + 20
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with closing(Deployment(tmp_path)) as deployment:
        yield deployment


def test_upload_is_synced_before_job_is_queued(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
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
    folder = deployment.upload(tram=TRAM)
    assert done[: done.index("accepted")] == ["tram.txt", folder.name, "jobs", "uploads", folder.parents[2].name]


class TestAfterArticleRemoval:
    def test_only_uploaded_file_of_removed_article_is_deleted(self, deployment: Deployment) -> None:
        for folder in (
            deployment.upload(tram=TRAM, ferry=FERRY),
            deployment.earlier_upload(port=PORT, market=f"{PORT} {TRAM}"),
        ):
            first, second = names(folder)
            deployment.take_out(first.removesuffix(".txt"))
            assert names(folder) == [second]
            deployment.take_out(second.removesuffix(".txt"))
            assert not folder.exists()
        assert deployment.app.config.paths.uploads.exists()

    def test_skipped_upload_file_is_deleted_with_last_article(self, deployment: Deployment) -> None:
        folder = deployment.upload(tram=TRAM, empty="")
        assert names(folder) == ["empty.txt", "tram.txt"]
        deployment.take_out("tram")
        assert not folder.exists()

    def test_undoable_removal_keeps_uploaded_file(self, deployment: Deployment) -> None:
        folder, pending_deletions = deployment.upload(tram=TRAM), deployment.open().pending_deletions
        pending_deletions.take_out("tram")
        assert names(folder) == ["tram.txt"] and pending_deletions.bring_back("tram")
        assert names(folder) == ["tram.txt"]

    def test_uploaded_file_of_duplicate_article_is_kept(self, deployment: Deployment) -> None:
        folder, other = deployment.upload(tram=TRAM), deployment.upload(again=TRAM)
        deployment.take_out("tram")
        assert not folder.exists() and names(other) == ["again.txt"]

    def test_cli_removal_deletes_uploaded_file(self, deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = deployment.upload(tram=TRAM)
        for name in ("index", "uploads", "collections"):
            section, field = SHORT_NAMES[name]
            monkeypatch.setenv(variable(name), str(getattr(getattr(deployment.app.config, section), field)))
        main(["articles", "remove", "tram"])
        assert not folder.exists()

    def test_uploaded_file_of_queued_job_is_kept(self, deployment: Deployment) -> None:
        """It was ingested, but the server was killed before it recorded that: it will be ingested again."""
        folder = deployment.upload(tram=TRAM)
        with closing(store_of(deployment.app.config.paths.uploads)) as store:
            store.change(folder.name, "queued")
        deployment.take_out("tram")
        assert names(folder) == ["tram.txt"]

    def test_superseded_upload_is_deleted(self, deployment: Deployment) -> None:
        line = '{"id": "tram", "text": "%s"}'
        folder = deployment.earlier_upload(a=TRAM)
        (folder.parent / "x").mkdir()
        older, newer = (deployment.jobs.begin("", None) for _ in range(2))
        for upload, text in ((older, PORT), (newer, FERRY)):
            upload_directory = UploadDirectory(folder=upload.folder)
            upload_directory.place_for("articles-1.jsonl").write_text(line % text, encoding="utf-8")
            job = deployment.jobs.accept(upload, upload_directory, "first", "")
            wait_for(lambda job=job: deployment.jobs.find(job.id).is_over)
        assert not older.folder.exists() and names(newer.folder) == ["articles-1.jsonl"] and names(folder) == ["a.txt"]


class TestKeptFiles:
    def test_user_files_that_were_not_uploaded_are_kept(self, deployment: Deployment, tmp_path: Path) -> None:
        own = tmp_path / "articles"
        below = deployment.app.config.paths.uploads / "first" / "notes"
        for folder in (own, below):
            folder.mkdir(parents=True)
            (folder / "tram.txt").write_text(f"{TRAM} {folder.name}", encoding="utf-8")
            update_index(deployment.app.config.paths.index, [folder], deployment.app.components.embedder)
        ids = [article.id for article in deployment.open().articles.articles()]  # type: ignore[attr-defined]
        deployment.take_out(*ids)
        assert names(own) == names(below) == ["tram.txt"]

    @pytest.mark.parametrize("where", ["../{}/a.txt", "first/../../{}/a.txt", "first/{}", "../../{}/b/a.txt"])
    def test_path_traversal_outside_uploads_deletes_nothing(
        self, deployment: Deployment, tmp_path: Path, where: str
    ) -> None:
        name = "abcdefghijklmnop"
        for folder in (tmp_path / name, tmp_path.parent / name / "b"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "a.txt").write_text("mine")
        deployment.uploaded.delete_vacated([f"{deployment.app.config.paths.uploads}/{where.format(name)}"])
        assert (tmp_path / name / "a.txt").exists() and (tmp_path.parent / name / "b" / "a.txt").exists()

    def test_symlink_target_in_uploads_is_kept(self, deployment: Deployment, tmp_path: Path) -> None:
        mine = tmp_path / "mine"
        mine.mkdir()
        (mine / "a.txt").write_text("mine")
        link = deployment.app.config.paths.uploads / "first" / "abcdefghijklmnop"
        link.parent.mkdir(parents=True)
        link.symlink_to(mine)
        deployment.uploaded.delete_vacated([str(link / "a.txt")])
        folder = deployment.earlier_upload(tram=TRAM)
        (folder / "inner").symlink_to(mine)
        deployment.take_out("tram")
        assert names(mine) == ["a.txt"]

    def test_damaged_index_keeps_all_uploads(self, deployment: Deployment) -> None:
        folder, other = deployment.upload(tram=TRAM), deployment.folders.make("Other").id
        deployment.upload(other, ferry=FERRY)
        damaged = deployment.folders.index_of(other) / FILE
        whole = damaged.read_bytes()
        damaged.write_bytes(b"no database" * 1000)
        deployment.take_out("tram")
        assert names(folder) == ["tram.txt"]
        damaged.write_bytes(whole)

    def test_upload_used_by_another_collection_is_kept(self, deployment: Deployment) -> None:
        folder, other = deployment.upload(tram=TRAM), deployment.folders.make("Other").id
        deployment.open(other)
        update_index(deployment.folders.index_of(other), [folder / "tram.txt"], deployment.app.components.embedder)
        deployment.library.remove(other)
        deployment.take_out("tram")
        assert names(folder) == ["tram.txt"]
        remove_articles(deployment.folders.place_of(other), ["tram"])
        deployment.uploaded.delete_vacated([str(folder / "tram.txt")])
        assert not folder.exists()


class TestPurgedCollection:
    def test_purge_deletes_only_uploads_of_collection(self, deployment: Deployment) -> None:
        other, beside = deployment.folders.make("Other").id, deployment.folders.make("Beside").id
        own = [deployment.upload(other, tram=TRAM), deployment.earlier_upload(other, ferry=FERRY)]
        stay = [
            deployment.upload(beside, tram=TRAM),
            deployment.earlier_upload(beside, ferry=FERRY),
            deployment.upload(tram=TRAM),
        ]
        deployment.library.remove(other)
        deployment.folders.forget_removed(deployment.uploaded.delete_of)
        assert all(folder.exists() for folder in (*own, *stay))
        self.expire(deployment, other)
        deployment.folders.forget_removed(deployment.uploaded.delete_of)
        assert not any(folder.exists() for folder in (*own, own[1].parent, deployment.folders._removed_folder(other)))
        assert all(names(folder) for folder in stay)

    def test_damaged_index_postpones_purge_of_uploads(self, deployment: Deployment) -> None:
        other = deployment.folders.make("Other").id
        folder = deployment.upload(other, tram=TRAM)
        deployment.library.remove(other)
        self.expire(deployment, other)
        file = deployment.app.config.paths.index / FILE
        whole = file.read_bytes()
        deployment.library.close()
        file.write_bytes(b"no database" * 1000)
        deployment.folders.forget_removed(deployment.uploaded.delete_of)
        assert names(folder) == ["tram.txt"] and deployment.folders.place_of(other).exists()
        file.write_bytes(whole)
        deployment.folders.forget_removed(deployment.uploaded.delete_of)
        assert not folder.exists()

    def test_collection_with_damaged_index_is_purged_with_uploads(self, deployment: Deployment) -> None:
        other = deployment.folders.make("Other").id
        folder = deployment.upload(other, tram=TRAM)
        deployment.library.remove(other)
        (deployment.folders.place_of(other) / FILE).write_bytes(b"no database" * 1000)
        self.expire(deployment, other)
        deployment.folders.forget_removed(deployment.uploaded.delete_of)
        assert not folder.exists() and not deployment.folders._removed_folder(other).exists()

    def expire(self, deployment: Deployment, collection: str) -> None:
        os.utime(deployment.folders._removed_folder(collection), (time.time() - 8 * 86400,) * 2)


class TestUploadsOfEarlierVersions:
    """Earlier versions stored uploads from the page in a folder of their collection, with a lock file meanwhile."""

    def test_interrupted_upload_is_deleted(self, deployment: Deployment) -> None:
        folder = deployment.earlier_upload(interrupted=True, tram=TRAM)
        deployment.uploaded.delete_interrupted()
        assert not folder.exists() and not folder.with_suffix(".lock").exists()

    def test_finished_upload_is_kept(self, deployment: Deployment) -> None:
        folder = deployment.earlier_upload(tram=TRAM)
        deployment.uploaded.delete_interrupted()
        assert names(folder) == ["tram.txt"]

    def test_interrupted_upload_with_indexed_articles_is_kept(self, deployment: Deployment) -> None:
        folder = deployment.earlier_upload(interrupted=True, tram=TRAM, empty="")
        update_index(deployment.app.config.paths.index, [folder], deployment.app.components.embedder)
        deployment.uploaded.delete_interrupted()
        assert names(folder) == ["tram.txt"] and not folder.with_suffix(".lock").exists()

    def test_missing_index_keeps_interrupted_upload(self, deployment: Deployment) -> None:
        folder = deployment.earlier_upload(interrupted=True, tram=TRAM)
        index = deployment.app.config.paths.index
        index.rename(index.with_name("elsewhere"))
        deployment.uploaded.delete_interrupted()
        assert names(folder) == ["tram.txt"]
        shutil.move(index.with_name("elsewhere"), index)
        deployment.uploaded.delete_interrupted()
        assert not folder.exists()
