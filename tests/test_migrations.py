"""Store migrations: atomic steps, with a copy of the old version; newer versions are rejected."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from index.errors import DiskFull, IndexOutdated, JawabError, PermissionDenied
from index.fakes import HashEmbedder
from index.indexer import update_index
from index.storage.catalog import Catalog
from index.storage.json_file import JsonFile
from index.storage.lock import FILE
from index.storage.migrations import StoreNewer, Versions, copy_of, user_version
from index.storage.schema import SCHEMA, VERSIONS
from ui.auth.api_keys import APIKeyStore, KeysDamaged
from ui.auth.sessions import SessionStore
from ui.i18n import error_message
from ui.store import SQLiteStore

TABLES = "CREATE TABLE IF NOT EXISTS notes (text TEXT, language TEXT)"


def add_language(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE notes ADD COLUMN language TEXT")


def name_language(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE notes SET language = 'en'")


STEPS = Versions(2, {0: add_language, 1: name_language})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store of version 0."""
    with closing(sqlite3.connect(tmp_path / "notes.sqlite")) as rows, rows:
        rows.execute("CREATE TABLE notes (text TEXT)")
        rows.execute("INSERT INTO notes VALUES ('first')")
    return tmp_path / "notes.sqlite"


def notes(file: Path, versions: Versions = STEPS) -> list[tuple[str, ...]]:
    with closing(SQLiteStore(file, TABLES, versions)) as store, store.rows() as rows:
        return rows.execute("SELECT * FROM notes").fetchall()


def version(file: Path) -> int:
    with closing(sqlite3.connect(file)) as rows:
        return user_version(rows)


def test_new_store_has_current_version(tmp_path: Path) -> None:
    assert notes(tmp_path / "new.sqlite") == []
    assert version(tmp_path / "new.sqlite") == 2
    assert [path.name for path in tmp_path.glob("*.version-*")] == []


def test_older_store_is_migrated_and_copy_removed_on_reopen(file: Path) -> None:
    assert notes(file) == [("first", "en")]
    assert version(file) == 2
    with closing(sqlite3.connect(copy_of(file, 0))) as copy:
        assert copy.execute("SELECT * FROM notes").fetchall() == [("first",)]
    assert copy_of(file, 0).stat().st_mode & 0o077 == 0
    assert notes(file) == [("first", "en")]
    assert not copy_of(file, 0).exists()


@pytest.mark.parametrize("failing", [0, 1])
def test_failed_step_rolls_back_and_is_retried(file: Path, failing: int) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        STEPS.steps[failing](connection)
        raise OSError(28, "No space left on device")

    with pytest.raises(DiskFull):
        notes(file, Versions(2, {**STEPS.steps, failing: fail}))
    assert version(file) == failing
    assert notes(file) == [("first", "en")]
    # The copy has the version from which the migration started.
    with closing(sqlite3.connect(copy_of(file, 0))) as copy:
        assert copy.execute("SELECT * FROM notes").fetchall() == [("first",)]


def test_each_migration_makes_its_own_copy(file: Path) -> None:
    notes(file, Versions(1, {0: add_language}))
    # Not reopened in between, so the copy of version 0 still exists.
    notes(file)
    assert copy_of(file, 0).exists()
    with closing(sqlite3.connect(copy_of(file, 1))) as copy:
        assert copy.execute("SELECT * FROM notes").fetchall() == [("first", None)]
    notes(file)
    assert list(file.parent.glob("*.version-*")) == []


def test_newer_store_is_rejected_and_unchanged(file: Path) -> None:
    with closing(sqlite3.connect(file)) as rows, rows:
        rows.execute("PRAGMA user_version = 7")
    before = file.read_bytes()
    with pytest.raises(StoreNewer) as raised:
        notes(file)
    assert raised.value.fields == {"file": file, "found": 7, "expected": 2}
    assert str(file) in error_message(raised.value, "en")
    assert str(file) in error_message(raised.value, "ar")
    assert file.read_bytes()[100:] == before[100:]


class TestIndex:
    """The catalog has its version in a table, and readers migrate it too, under the write lock."""

    @pytest.fixture
    def old_index(self, tmp_path: Path) -> Path:
        """An index of two articles."""
        for name in ("a", "b"):
            (tmp_path / f"{name}.txt").write_text(f"Article {name}\n\nThe text of {name}.")
        update_index(tmp_path / "index", [tmp_path / "a.txt", tmp_path / "b.txt"], HashEmbedder())
        return tmp_path / "index"

    @pytest.fixture
    def older(self, old_index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An index of the current version, and code patched to be one version ahead."""

        def add_place(connection: sqlite3.Connection) -> None:
            connection.execute("ALTER TABLE articles ADD COLUMN place TEXT")

        versions = Versions(SCHEMA + 1, {SCHEMA: add_place}, VERSIONS.read, VERSIONS.write)
        monkeypatch.setattr("index.storage.catalog.VERSIONS", versions)
        return old_index

    def test_open_for_reading_migrates(self, older: Path) -> None:
        with closing(Catalog.open(older)) as catalog:
            assert catalog.meta("schema") == str(SCHEMA + 1)
            assert catalog.rows("SELECT place FROM articles") == [(None,), (None,)]
            assert catalog.count_articles() == 2
        assert copy_of(older / FILE, SCHEMA).exists()
        with closing(Catalog.open_or_create(older)):
            assert not copy_of(older / FILE, SCHEMA).exists()

    def test_read_only_user_of_outdated_index_gets_error(self, older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(folder: Path) -> None:
            raise PermissionDenied(path=folder)

        monkeypatch.setattr("index.storage.catalog.write_lock", refuse)
        with pytest.raises(IndexOutdated) as raised:
            Catalog.open(older)
        assert raised.value.fields["folder"] == older
        assert isinstance(raised.value, JawabError)


def test_read_only_file_system_raises_permission_denied(tmp_path: Path) -> None:
    from index.storage.database import storage_errors

    with pytest.raises(PermissionDenied), storage_errors(tmp_path):
        raise OSError(30, "Read-only file system", str(tmp_path))


class TestJsonFile:
    """The small stores: API keys, logins, a collection's name."""

    @pytest.fixture
    def stored(self, tmp_path: Path) -> JsonFile:
        steps = {0: lambda names: {"names": names}, 1: lambda old: {"all": old["names"]}}
        return JsonFile(tmp_path / "names.json", 2, steps)

    def test_written_content_is_read(self, stored: JsonFile) -> None:
        stored.write({"all": ["مها"]})
        assert stored.read() == {"all": ["مها"], "version": 2}

    @pytest.mark.parametrize("before", [["a"], {"version": 1, "names": ["a"]}])
    def test_older_file_is_migrated_and_copy_removed_on_reread(self, stored: JsonFile, before: object) -> None:
        stored.file.write_text(json.dumps(before))
        found = before["version"] if isinstance(before, dict) else 0
        assert stored.read() == {"all": ["a"], "version": 2}
        assert json.loads(copy_of(stored.file, found).read_text()) == before
        assert stored.read() == {"all": ["a"], "version": 2}
        assert not copy_of(stored.file, found).exists()

    def test_newer_file_is_rejected_and_unchanged(self, stored: JsonFile) -> None:
        stored.file.write_text('{"version": 7}')
        with pytest.raises(StoreNewer):
            stored.read()
        assert stored.file.read_text() == '{"version": 7}'

    @pytest.mark.parametrize("content", ["", "{", '{"version": "two"}', '{"version": -3}', "null"])
    def test_invalid_content_raises_value_error(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "collection.json").write_text(content)
        with pytest.raises(ValueError):
            JsonFile(tmp_path / "collection.json", 1, {}).read()

    def test_read_only_user_can_read_older_file(self, stored: JsonFile, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(path: Path, content: bytes) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        stored.file.write_text('["a"]')
        monkeypatch.setattr("index.storage.json_file.write_atomically", refuse)
        assert stored.read()["all"] == ["a"]
        assert stored.file.read_text() == '["a"]'

    @pytest.mark.parametrize("content", ['{"a": "b"}', '["a"]', "7"])
    def test_damaged_files_are_not_migrated(self, tmp_path: Path, content: str) -> None:
        for name in ("keys.json", "logins.json"):
            (tmp_path / name).write_text(content)
        with pytest.raises(KeysDamaged):
            APIKeyStore(tmp_path / "keys.json").all()
        SessionStore("password", tmp_path / "logins.json")
        assert {path.read_text() for path in tmp_path.iterdir()} == {content}

    def test_api_key_names_with_lone_surrogates_are_stored(self, tmp_path: Path) -> None:
        APIKeyStore(tmp_path / "keys.json").add("\udcff", ["read"])
        assert [key.name for key in APIKeyStore(tmp_path / "keys.json").all()] == ["\udcff"]

    def test_logins_of_newer_server_are_unchanged(self, tmp_path: Path) -> None:
        file = tmp_path / "logins.json"
        file.write_text('{"version": 7, "logins": {}}')
        passes = SessionStore("password", file)
        assert passes.has(passes.add())
        assert file.read_text() == '{"version": 7, "logins": {}}'

    def test_logins_of_version_0_are_valid(self, tmp_path: Path) -> None:
        first = SessionStore("password", tmp_path / "logins.json")
        secret = first.add()
        content = json.loads((tmp_path / "logins.json").read_text())
        (tmp_path / "logins.json").write_text(json.dumps(content["logins"]))
        assert SessionStore("password", tmp_path / "logins.json").has(secret)
