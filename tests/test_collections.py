"""Several collections: made, named, removed and brought back; and asked each by itself."""

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
    LONGEST_NAME,
    CollectionExists,
    CollectionMissing,
    CollectionRepository,
)
from ui.config import load_config
from ui.conversations.repository import ConversationRepository, StoredTurn
from ui.server.app import create_app
from ui.server.collection_registry import CollectionRegistry
from ui.server.serve import open_collection
from ui.site import Site
from ui.telemetry.telemetry import Telemetry
from ui.web.current_collection import COLLECTION_COOKIE


class TestFolders:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> CollectionRepository:
        return CollectionRepository(tmp_path / "index", tmp_path / "collections")

    def test_there_is_always_the_first(self, folders: CollectionRepository, tmp_path: Path) -> None:
        assert [one.id for one in folders.all()] == [DEFAULT_ID]
        assert folders.index_of(DEFAULT_ID) == tmp_path / "index"

    def test_they_are_made_named_removed_and_restored(self, folders: CollectionRepository) -> None:
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

    def test_the_first_stays(self, folders: CollectionRepository) -> None:
        with pytest.raises(CollectionMissing):
            folders.remove(DEFAULT_ID)

    def test_what_was_removed_goes_after_a_week(self, folders: CollectionRepository, tmp_path: Path) -> None:
        made = folders.make("x")
        folders.remove(made.id)
        folders.forget_removed()
        (removed,) = (tmp_path / "collections").iterdir()
        os.utime(removed, (time.time() - 8 * 86400,) * 2)
        folders.forget_removed()
        assert not list((tmp_path / "collections").iterdir())

    @pytest.mark.parametrize("collection", ["", "..", "../index", "/etc", "none-such", "x" * 41, *HOSTILE[:10]])
    def test_no_id_leads_anywhere_else(self, folders: CollectionRepository, collection: str) -> None:
        for what in (folders.index_of, folders.remove, folders.restore):
            with pytest.raises(CollectionMissing):
                what(collection)

    def test_a_name_has_a_length(self, folders: CollectionRepository) -> None:
        folders.make("م" * 500)
        assert folders.all()[1].name == "م" * LONGEST_NAME


def test_an_index_can_be_made_without_articles_and_filled_later(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    create_index(tmp_path / "index")
    create_index(tmp_path / "index")
    retriever = Retriever(tmp_path / "index", embedder)
    assert retriever.search("anything at all") == []
    (tmp_path / "a.txt").write_text("The harbour opened in 1923. It is still in use today.", encoding="utf-8")
    update_index(tmp_path / "index", [tmp_path / "a.txt"], embedder)
    assert len(retriever.search("When did the harbour open?")) == 1


class TestThePage:
    @pytest.fixture
    def served(self, tmp_path: Path) -> Site:
        return site(tmp_path)

    @pytest.fixture
    def client(self, served: Site) -> Iterator[TestClient]:
        with TestClient(create_app(served), "http://127.0.0.1") as client:
            yield client

    def test_one_collection_has_nothing_to_switch(self, client: TestClient) -> None:
        assert 'id="collections"' not in client.get("/").text
        assert "<h1" in client.get("/articles").text

    def test_a_new_one_can_be_chosen_named_removed_and_restored(self, client: TestClient) -> None:
        made = client.post("/page/collections", json={"name": "Cooking"}).json()["id"]
        client.cookies.set(COLLECTION_COOKIE, made)
        html = client.get("/articles").text
        assert f'data-collection="{made}"' in html and f'<option value="{made}" selected>Cooking' in html
        assert f'<option value="{made}" selected>' in client.get("/").text
        assert f'<option value="{made}" selected>' in client.get("/page/side").text
        place = f"/page/collections/{made}"
        assert client.post(place, json={"do": "rename", "name": "طبخ"}).status_code == 200
        assert "طبخ</h1>" in client.get("/articles").text
        assert client.post(place, json={"do": "remove"}).status_code == 200
        assert 'data-collection="first"' in client.get("/articles").text
        assert client.get(f"{place}/article", params={"id": "ar-1"}).status_code == 404
        assert client.post(place, json={"do": "restore"}).status_code == 200
        assert client.get(f"{place}/article", params={"id": "ar-1"}).status_code == 200

    def test_what_is_not_there_is_told_in_the_readers_language(self, client: TestClient) -> None:
        answer = client.post("/page/collections/none-such/bring", json={}, headers={"accept-language": "ar"})
        assert answer.status_code == 404
        problem = answer.json()
        assert problem["code"] == "collection_missing" and problem["status"] == 404
        assert problem["detail"] == "لم تعد هذه المجموعة هنا؛ اختر مجموعة أخرى أو ابدأ محادثة جديدة."

    @pytest.fixture(scope="class")
    def shared(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
        with TestClient(create_app(site(tmp_path_factory.mktemp("names"))), "http://127.0.0.1") as client:
            yield client

    @pytest.mark.parametrize("payload", HOSTILE)
    def test_no_name_becomes_markup(self, shared: TestClient, payload: str) -> None:
        client = shared
        made = client.post("/page/collections", json={"name": payload})
        client.cookies.set(COLLECTION_COOKIE, made.json()["id"])
        for html in (client.get("/articles").text, client.get("/page/side").text):
            tags = Reader(html).tags
            assert not {tag for tag, _ in tags} & {"img", "svg", "iframe", "object", "base", "b", "u", "i"}
            assert all(
                (attributes.get("src") or "").startswith("/page/") for tag, attributes in tags if tag == "script"
            )
            assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]

    def test_another_site_cannot_change_anything(self, client: TestClient) -> None:
        # A form of another site can send text, not JSON.
        sent = {"content-type": "text/plain"}
        assert client.post("/page/collections", content='{"name": "x"}', headers=sent).status_code == 422
        assert client.post("/page/collections/first", content='{"do": "remove"}', headers=sent).status_code == 422

    def test_a_collection_that_cannot_be_opened_says_why(self, client: TestClient, served: Site) -> None:
        made = served.collections.make("Old").id

        def refuse(collection: str, folder: Path) -> None:
            raise IndexMismatch(folder=folder, found="a", expected="b")

        served.collections._open_collection = refuse  # type: ignore[attr-defined]
        served.collections._open["first"] = site(Path("/none")).collections.find(None)  # type: ignore[attr-defined]
        client.cookies.set(COLLECTION_COOKIE, made)
        html = client.get("/articles").text
        assert 'role="alert"' in html and "was made with a" in html and 'data-collection="first"' in html


class TestRemovedWithPendingRemovals:
    """A collection is removed while one of its articles waits for its removal."""

    @pytest.fixture
    def app(self, tmp_path: Path) -> App:
        places = {name: tmp_path / name for name in ("index", "conversations", "collections", "brought")}
        create_index(places["index"])
        return App(load_config(embedder="fake", llm="fake", **places))

    @pytest.fixture
    def library(self, app: App) -> Iterator[CollectionRegistry]:
        folders = CollectionRepository(app.config.paths.index, app.config.paths.collections)
        with closing(CollectionRegistry(folders, partial(open_collection, app, Telemetry()))) as library:
            yield library

    @pytest.fixture
    def number(self, app: App, library: CollectionRegistry, tmp_path: Path) -> str:
        """A collection with the articles `a` and `b`."""
        made = library.make("Trams").id
        for name in "ab":
            (tmp_path / f"{name}.txt").write_text(f"The tram {name} opened in May.", encoding="utf-8")
        library.find(made)
        update_index(
            app.config.paths.collections / made, [tmp_path / "a.txt", tmp_path / "b.txt"], app.components.embedder
        )
        return made

    def test_it_is_restored_as_it_was_seen(self, app: App, library: CollectionRegistry, number: str) -> None:
        library.find(number).removals.take_out("a")
        library.remove(number)
        assert [each.name for each in app.config.paths.collections.iterdir()] == [f"{number}.removed"]
        library.restore(number)
        shelf = library.find(number).shelf
        assert [one.id for one in shelf.browse(ArticleQuery())] == ["b"]

    def test_a_late_removal_makes_no_folder(self, app: App, library: CollectionRegistry, number: str) -> None:
        removals = library.find(number).removals
        library.remove(number)
        for late in (removals.take_out, removals.at_once):
            with pytest.raises(IndexMissing):
                late("a")
        assert [each.name for each in app.config.paths.collections.iterdir()] == [f"{number}.removed"]
        library.restore(number)
        assert library.find(number).articles.count_articles() == 2

    def test_its_catalogue_is_closed(self, library: CollectionRegistry, number: str) -> None:
        opened, first, other = library.find(number), library.find(None), library.find(library.make("Other").id)
        library.remove(number)
        with pytest.raises(sqlite3.ProgrammingError):
            opened.articles.count_articles()
        library.close()
        with pytest.raises(sqlite3.ProgrammingError):
            other.articles.count_articles()
        # The app's own, which may be served again.
        assert first.articles.count_articles() == 0

    def test_busy_index_stays_open(self, app: App, library: CollectionRegistry, number: str) -> None:
        opened = library.find(number)
        with writing(app.config.paths.collections / number), pytest.raises(IndexLocked):
            library.remove(number)
        assert library.find(number) is opened
        assert opened.articles.count_articles() == 2

    def test_existing_folder_is_not_overwritten(self, app: App, library: CollectionRegistry, number: str) -> None:
        library.remove(number)
        in_place = app.config.paths.collections / number
        removed = app.config.paths.collections / f"{number}.removed"
        (in_place / "x").mkdir(parents=True)
        for change in (library.restore, library.remove):
            with pytest.raises(CollectionExists):
                change(number)
        os.utime(removed, (time.time() - 8 * 86400,) * 2)
        CollectionRepository(app.config.paths.index, app.config.paths.collections).forget_removed()
        assert removed.is_dir()


def test_conversations_that_an_earlier_jawab_kept_are_still_there(tmp_path: Path) -> None:
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


class TestRemovedMeanwhile:
    """A collection is removed just when somebody begins to change its index."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        create_index(tmp_path / "collection")
        return tmp_path / "collection"

    def test_before_the_lock_is_asked_for(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        require = index_writing._require

        def then_removed(index: Path) -> None:
            require(index)
            monkeypatch.undo()
            folder.rename(folder.with_suffix(".removed"))

        monkeypatch.setattr(index_writing, "_require", then_removed)
        self.check_nothing_is_made(folder)

    def test_before_the_lock_is_held(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        lock = fcntl.flock

        def removed_first(file: int, operation: int) -> None:
            monkeypatch.undo()
            folder.rename(folder.with_suffix(".removed"))
            lock(file, operation)

        monkeypatch.setattr("fcntl.flock", removed_first)
        self.check_nothing_is_made(folder)

    def test_before_it_begins(self, folder: Path) -> None:
        folder.rename(folder.with_suffix(".removed"))
        self.check_nothing_is_made(folder)

    def check_nothing_is_made(self, folder: Path) -> None:
        (folder.parent / "a.txt").write_text("The tram opened in May.", encoding="utf-8")
        with pytest.raises(IndexMissing):
            update_index(folder, [folder.parent / "a.txt"], HashEmbedder(), make=False)
        assert not folder.exists()
        # It is restored, and free.
        folder.with_suffix(".removed").rename(folder)
        assert update_index(folder, [folder.parent / "a.txt"], HashEmbedder(), make=False).added == ["a"]

    def test_no_new_name_makes_its_folder_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folders = CollectionRepository(tmp_path / "index", tmp_path / "collections")
        made = folders.make("News").id
        place = folders.index_of(made)
        folders.remove(made)
        monkeypatch.setattr(folders, "index_of", lambda collection: place)
        with pytest.raises(CollectionMissing):
            folders.rename(made, "Newer")
        assert not place.exists()
