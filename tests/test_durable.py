"""Writes are synced in an order that survives a power cut: either the old or the new content remains."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from index.indexer import change_index
from index.planner import IndexingReport
from index.storage import durable, page_checksums
from index.storage.catalog import Catalog
from index.storage.database import Database
from index.storage.durable import sync_tree, write_atomically
from index.storage.lock import FILE
from index.storage.migrations import Versions
from index.storage.writing import writing
from index.vectors.faiss_file import compact
from ui.auth.api_keys import APIKeyStore
from ui.auth.sessions import SessionStore
from ui.collections.repository import DEFAULT_ID, CollectionRepository
from ui.store import SQLiteStore

Events = list[tuple[str, str]]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    """The names of the files synced and renamed, in order."""
    done: Events = []
    sync, replace = durable._sync, Path.replace

    def noted_sync(path: Path, flags: int) -> None:
        done.append(("sync", path.name))
        sync(path, flags)

    def noted_replace(path: Path, target: Path) -> Path:
        done.append(("rename", target.name))
        return replace(path, target)

    monkeypatch.setattr(durable, "_sync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    return done


def assert_written_durably(events: Events, path: Path) -> None:
    """The file was synced, then renamed, then its folder was synced."""
    at = events.index(("rename", path.name))
    assert events[at - 1][0] == "sync" and events[at - 1][1].startswith(path.stem)
    assert events[at + 1] == ("sync", path.parent.name)
    assert [other.name for other in path.parent.iterdir() if other.suffix == ".partial"] == []


def test_failed_atomic_write_keeps_old_content(tmp_path: Path, events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    write_atomically(path, b"old")
    assert_written_durably(events, path)
    assert path.read_bytes() == b"old" and stat.S_IMODE(path.stat().st_mode) == 0o600

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_collection_names_and_auth_files_are_synced_to_disk(tmp_path: Path, events: Events) -> None:
    folders = CollectionRepository(tmp_path / "index", tmp_path / "collections")
    made = folders.make("News")
    # The folder gets its final name only after the name of the collection is stored.
    (folder,) = (tmp_path / "collections").iterdir()
    begun = [("sync", f"{made.id}.removed"), ("sync", "collections")]
    assert folder.name == made.id and [event for event in events if event in begun] == begun
    folders.rename(DEFAULT_ID, "All")
    assert_written_durably(events[-3:], tmp_path / "index" / "collection.json")
    APIKeyStore(tmp_path / "keys.json").add("newsroom", ["read"])
    assert_written_durably(events, tmp_path / "keys.json")
    SessionStore("password", tmp_path / "logins.json").add()
    assert_written_durably(events, tmp_path / "logins.json")
    assert len(json.loads((tmp_path / "logins.json").read_text())["logins"]) == 1


def test_upload_is_synced_with_its_folders(tmp_path: Path, events: Events) -> None:
    (tmp_path / "upload" / "a").mkdir(parents=True)
    (tmp_path / "upload" / "a" / "b.txt").write_text("b")
    sync_tree(tmp_path / "upload")
    assert events == [("sync", name) for name in ("b.txt", "a", "upload", tmp_path.name)]


def test_databases_sync_each_transaction(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "a.sqlite", writable=True)) as database:
        assert database.rows("PRAGMA synchronous") == [(2,)]
    with closing(SQLiteStore(tmp_path / "b.sqlite", "", Versions(0, {}))) as store, store.rows() as rows:
        assert rows.execute("PRAGMA synchronous").fetchone() == (2,)


def test_vectors_are_synced_before_catalog_references_them(
    write: Callable[[str, str], Path], indexed: Callable[[], IndexingReport], tmp_path: Path, events: Events
) -> None:
    write("a.txt", "The tram opened in May.")
    indexed()
    with writing(tmp_path / "index") as catalog, change_index(catalog):
        events.clear()
        compact(catalog)
    (vectors,) = (tmp_path / "index").glob("vectors-*.faiss")
    assert_written_durably(events, vectors)
    assert events.index(("rename", vectors.name)) < events.index(("rename", "catalog.sums"))


def test_checksums_survive_power_cut(
    write: Callable[[str, str], Path],
    indexed: Callable[[], IndexingReport],
    tmp_path: Path,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Checksums are marked as unknown on disk before pages change; the head is written before the checksums."""
    write("a.txt", "The tram opened in May.")
    indexed()
    events.clear()
    merge = Database.merge_log

    def noted_merge(database: Database) -> bool:
        events.append(("merge", ""))
        return merge(database)

    monkeypatch.setattr(Database, "merge_log", noted_merge)
    with writing(tmp_path / "index") as catalog, catalog.transaction():
        catalog.set_meta("x", "x" * 10_000)
    sums = ("rename", "catalog.sums")
    at = events.index(("merge", ""))
    assert_written_durably(events[:at], tmp_path / "index" / "catalog.sums")
    assert_written_durably(events[at:], tmp_path / "index" / "catalog.sums")
    assert events.index(("rename", "catalog.head")) < len(events) - 1 - events[::-1].index(sums)
    assert not page_checksums.damaged_pages(tmp_path / "index" / FILE)


def test_opening_unchanged_index_writes_nothing(
    write: Callable[[str, str], Path], indexed: Callable[[], IndexingReport], tmp_path: Path, events: Events
) -> None:
    write("a.txt", "The tram opened in May.")
    indexed()
    events.clear()
    Catalog.open_or_create(tmp_path / "index").close()
    assert events == []
