"""Several collections: creating, renaming, removing and restoring them, and querying each separately."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from index.article_list import ArticleQuery
from index.errors import IndexLocked, IndexMismatch, IndexMissing
from index.fakes import HashEmbedder
from index.indexer import create_index, update_index
from index.retriever import Retriever
from index.storage import writing as index_writing
from index.storage.writing import writing
from tests.fake_site import ENGLISH_QUESTION, canned, site
from tests.test_render import HOSTILE, Reader
from ui.app import App
from ui.collections.repository import (
    DEFAULT_ID,
    MAX_NAME_LENGTH,
    CollectionExists,
    CollectionMissing,
    CollectionRepository,
)
from ui.config import load_config
from ui.conversations.repository import ConversationRepository, StoredTurn
from ui.server.app import create_app
from ui.server.collection_registry import CollectionRegistry
from ui.server.serve import open_collection
from ui.services import Services
from ui.telemetry.telemetry import Telemetry
from ui.web.current_collection import COLLECTION_COOKIE


class TestCollectionRepository:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> CollectionRepository:
        return CollectionRepository(tmp_path / "index", tmp_path / "collections")

    def test_default_collection_always_exists(self, folders: CollectionRepository, tmp_path: Path) -> None:
        assert [one.id for one in folders.all()] == [DEFAULT_ID]
        assert folders.index_of(DEFAULT_ID) == tmp_path / "index"

    def test_create_rename_remove_and_restore(self, folders: CollectionRepository) -> None:
        b, a = folders.make("  باء\n الأولى "), folders.make("alif")
        assert [one.name for one in folders.all()] == ["", "alif", "باء الأولى"]
        folders.rename(a.id, "Alif")
        folders.rename(DEFAULT_ID, "News")
        folders.remove(b.id)
        assert [one.name for one in folders.all()] == ["News", "Alif"]
        with pytest.raises(CollectionMissing):
            folders.index_of(b.id)
        folders.restore(b.id)
        assert [one.name for one in folders.all()] == ["News", "Alif", "باء الأولى"]

    def test_default_collection_cannot_be_removed(self, folders: CollectionRepository) -> None:
        with pytest.raises(CollectionMissing):
            folders.remove(DEFAULT_ID)

    def test_removed_collection_is_purged_after_one_week(self, folders: CollectionRepository, tmp_path: Path) -> None:
        made = folders.make("x")
        folders.remove(made.id)
        folders.forget_removed()
        (removed,) = (tmp_path / "collections").iterdir()
        os.utime(removed, (time.time() - 8 * 86400,) * 2)
        folders.forget_removed()
        assert not list((tmp_path / "collections").iterdir())

    @pytest.mark.parametrize("collection", ["", "..", "../index", "/etc", "none-such", "x" * 41, *HOSTILE[:10]])
    def test_unknown_or_unsafe_id_raises_collection_missing(
        self, folders: CollectionRepository, collection: str
    ) -> None:
        for what in (folders.index_of, folders.remove, folders.restore):
            with pytest.raises(CollectionMissing):
                what(collection)

    def test_long_name_is_truncated(self, folders: CollectionRepository) -> None:
        folders.make("م" * 500)
        assert folders.all()[1].name == "م" * MAX_NAME_LENGTH


def test_empty_index_can_be_filled_later(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    create_index(tmp_path / "index")
    create_index(tmp_path / "index")
    retriever = Retriever(tmp_path / "index", embedder)
    assert retriever.search("anything at all") == []
    (tmp_path / "a.txt").write_text("The harbour opened in 1923. It is still in use today.", encoding="utf-8")
    update_index(tmp_path / "index", [tmp_path / "a.txt"], embedder)
    assert len(retriever.search("When did the harbour open?")) == 1


class TestCollectionPages:
    @pytest.fixture
    def served(self, tmp_path: Path) -> Services:
        return site(tmp_path)

    @pytest.fixture
    def client(self, served: Services) -> Iterator[TestClient]:
        with TestClient(create_app(served), "http://127.0.0.1") as client:
            yield client

    def test_single_collection_hides_switcher(self, client: TestClient) -> None:
        assert 'id="collections"' not in client.get("/").text
        assert "<h1" in client.get("/articles").text

    def test_create_select_rename_remove_and_restore(self, client: TestClient) -> None:
        made = client.post("/page/collections", json={"name": "Cooking"}).json()["id"]
        client.cookies.set(COLLECTION_COOKIE, made)
        html = client.get("/articles").text
        assert f'data-collection="{made}"' in html and f'<option value="{made}" selected>Cooking' in html
        assert f'<option value="{made}" selected>' in client.get("/").text
        assert f'<option value="{made}" selected>' in client.get("/page/sidebar").text
        place = f"/page/collections/{made}"
        assert client.post(place, json={"do": "rename", "name": "طبخ"}).status_code == 200
        assert "طبخ</h1>" in client.get("/articles").text
        assert client.post(place, json={"do": "remove"}).status_code == 200
        assert 'data-collection="first"' in client.get("/articles").text
        assert client.get(f"{place}/article", params={"id": "ar-1"}).status_code == 404
        assert client.post(place, json={"do": "restore"}).status_code == 200
        assert client.get(f"{place}/article", params={"id": "ar-1"}).status_code == 200

    def test_upload_to_missing_collection_returns_localized_404(self, client: TestClient) -> None:
        answer = client.post("/v1/articles?collection=none-such", json={"text": "x"}, headers={"accept-language": "ar"})
        assert answer.status_code == 404
        problem = answer.json()
        assert problem["code"] == "collection_missing" and problem["status"] == 404
        assert problem["detail"] == "لم تعد هذه المجموعة هنا؛ اختر مجموعة أخرى أو ابدأ محادثة جديدة."

    @pytest.fixture(scope="class")
    def shared(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
        with TestClient(create_app(site(tmp_path_factory.mktemp("names"))), "http://127.0.0.1") as client:
            yield client

    @pytest.mark.parametrize("payload", HOSTILE)
    def test_collection_name_is_escaped(self, shared: TestClient, payload: str) -> None:
        client = shared
        made = client.post("/page/collections", json={"name": payload})
        client.cookies.set(COLLECTION_COOKIE, made.json()["id"])
        for html in (client.get("/articles").text, client.get("/page/sidebar").text):
            tags = Reader(html).tags
            assert not {tag for tag, _ in tags} & {"img", "svg", "iframe", "object", "base", "b", "u", "i"}
            assert all(
                (attributes.get("src") or "").startswith("/page/") for tag, attributes in tags if tag == "script"
            )
            assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]

    def test_cross_site_form_post_is_rejected(self, client: TestClient) -> None:
        # A cross-site form can send plain text, but not JSON.
        sent = {"content-type": "text/plain"}
        assert client.post("/page/collections", content='{"name": "x"}', headers=sent).status_code == 422
        assert client.post("/page/collections/first", content='{"do": "remove"}', headers=sent).status_code == 422

    def test_unopenable_collection_shows_error(self, client: TestClient, served: Services) -> None:
        made = served.collections.make("Old").id

        def refuse(collection: str, folder: Path) -> None:
            raise IndexMismatch(folder=folder, found="a", expected="b")

        served.collections._open_collection = refuse  # type: ignore[attr-defined]
        served.collections._open["first"] = site(Path("/none")).collections.find(None)  # type: ignore[attr-defined]
        client.cookies.set(COLLECTION_COOKIE, made)
        html = client.get("/articles").text
        assert 'role="alert"' in html and "was made with a" in html and 'data-collection="first"' in html


class TestRemovedWithPendingDeletions:
    """A collection is removed while the deletion of one of its articles is pending."""

    @pytest.fixture
    def app(self, tmp_path: Path) -> App:
        places = {name: tmp_path / name for name in ("index", "conversations", "collections", "uploads")}
        create_index(places["index"])
        return App(load_config(embedder="fake", llm="fake", **places))

    @pytest.fixture
    def registry(self, app: App) -> Iterator[CollectionRegistry]:
        folders = CollectionRepository(app.config.paths.index, app.config.paths.collections)
        with closing(CollectionRegistry(folders, partial(open_collection, app, Telemetry()))) as registry:
            yield registry

    @pytest.fixture
    def collection_id(self, app: App, registry: CollectionRegistry, tmp_path: Path) -> str:
        """A collection with the articles `a` and `b`."""
        made = registry.make("Trams").id
        for name in "ab":
            (tmp_path / f"{name}.txt").write_text(f"The tram {name} opened in May.", encoding="utf-8")
        registry.find(made)
        update_index(
            app.config.paths.collections / made, [tmp_path / "a.txt", tmp_path / "b.txt"], app.components.embedder
        )
        return made

    def test_restore_keeps_pending_article_deletion(
        self, app: App, registry: CollectionRegistry, collection_id: str
    ) -> None:
        registry.find(collection_id).pending_deletions.take_out("a")
        registry.remove(collection_id)
        assert [each.name for each in app.config.paths.collections.iterdir()] == [f"{collection_id}.removed"]
        registry.restore(collection_id)
        article_browser = registry.find(collection_id).article_browser
        assert [one.id for one in article_browser.browse(ArticleQuery())] == ["b"]

    def test_late_article_removal_does_not_recreate_folder(
        self, app: App, registry: CollectionRegistry, collection_id: str
    ) -> None:
        pending_deletions = registry.find(collection_id).pending_deletions
        registry.remove(collection_id)
        for late in (pending_deletions.take_out, pending_deletions.at_once):
            with pytest.raises(IndexMissing):
                late("a")
        assert [each.name for each in app.config.paths.collections.iterdir()] == [f"{collection_id}.removed"]
        registry.restore(collection_id)
        assert registry.find(collection_id).articles.count_articles() == 2

    def test_catalog_is_closed_on_removal(self, registry: CollectionRegistry, collection_id: str) -> None:
        opened, first, other = (
            registry.find(collection_id),
            registry.find(None),
            registry.find(registry.make("Other").id),
        )
        registry.remove(collection_id)
        with pytest.raises(sqlite3.ProgrammingError):
            opened.articles.count_articles()
        registry.close()
        with pytest.raises(sqlite3.ProgrammingError):
            other.articles.count_articles()
        # The default collection belongs to the app and stays open.
        assert first.articles.count_articles() == 0

    def test_locked_index_stays_open(self, app: App, registry: CollectionRegistry, collection_id: str) -> None:
        opened = registry.find(collection_id)
        with writing(app.config.paths.collections / collection_id), pytest.raises(IndexLocked):
            registry.remove(collection_id)
        assert registry.find(collection_id) is opened
        assert opened.articles.count_articles() == 2

    def test_existing_folder_is_not_overwritten(
        self, app: App, registry: CollectionRegistry, collection_id: str
    ) -> None:
        registry.remove(collection_id)
        in_place = app.config.paths.collections / collection_id
        removed = app.config.paths.collections / f"{collection_id}.removed"
        (in_place / "x").mkdir(parents=True)
        for change in (registry.restore, registry.remove):
            with pytest.raises(CollectionExists):
                change(collection_id)
        os.utime(removed, (time.time() - 8 * 86400,) * 2)
        CollectionRepository(app.config.paths.index, app.config.paths.collections).forget_removed()
        assert removed.is_dir()


def test_migration_keeps_conversations_of_earlier_version(tmp_path: Path) -> None:
    file = tmp_path / "conversations.sqlite"
    with sqlite3.connect(file) as earlier:
        earlier.execute(
            """CREATE TABLE conversations (id TEXT PRIMARY KEY, visitor TEXT NOT NULL, title TEXT NOT NULL,
            begun REAL NOT NULL, changed REAL NOT NULL, deleted REAL)"""
        )
        earlier.execute("INSERT INTO conversations VALUES ('c', 'me', 'What was it?', 1, 1, NULL)")
    store = ConversationRepository(file)
    store.put("me", "c", StoredTurn(1, ENGLISH_QUESTION, canned(ENGLISH_QUESTION)))
    kept = store.kept("me", "c")
    assert kept is not None and kept.collection is None and kept.title == "What was it?"
    begun = store.begin("me", "And here?", "cooking-1")
    later = store.kept("me", begun)
    assert later is not None and later.collection == "cooking-1"
    assert store.kept("you", begun) is None


class TestRemovedDuringWrite:
    """A collection is removed just as a write to its index begins."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        create_index(tmp_path / "collection")
        return tmp_path / "collection"

    def test_removal_before_lock_request_raises_index_missing(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        require = index_writing._require

        def then_removed(index: Path) -> None:
            require(index)
            monkeypatch.undo()
            folder.rename(folder.with_suffix(".removed"))

        monkeypatch.setattr(index_writing, "_require", then_removed)
        self.check_folder_is_not_recreated(folder)

    def test_removal_before_lock_is_acquired_raises_index_missing(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock = fcntl.flock

        def removed_first(file: int, operation: int) -> None:
            monkeypatch.undo()
            folder.rename(folder.with_suffix(".removed"))
            lock(file, operation)

        monkeypatch.setattr("fcntl.flock", removed_first)
        self.check_folder_is_not_recreated(folder)

    def test_removal_before_update_raises_index_missing(self, folder: Path) -> None:
        folder.rename(folder.with_suffix(".removed"))
        self.check_folder_is_not_recreated(folder)

    def check_folder_is_not_recreated(self, folder: Path) -> None:
        (folder.parent / "a.txt").write_text("The tram opened in May.", encoding="utf-8")
        with pytest.raises(IndexMissing):
            update_index(folder, [folder.parent / "a.txt"], HashEmbedder(), make=False)
        assert not folder.exists()
        # After restoring, the index is no longer locked.
        folder.with_suffix(".removed").rename(folder)
        assert update_index(folder, [folder.parent / "a.txt"], HashEmbedder(), make=False).added == ["a"]

    def test_rename_does_not_recreate_removed_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folders = CollectionRepository(tmp_path / "index", tmp_path / "collections")
        made = folders.make("News").id
        place = folders.index_of(made)
        folders.remove(made)
        monkeypatch.setattr(folders, "index_of", lambda collection: place)
        with pytest.raises(CollectionMissing):
            folders.rename(made, "Newer")
        assert not place.exists()
