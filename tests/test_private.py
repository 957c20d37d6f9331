"""New files are private to their owner, whatever the umask; a folder shared on purpose stays shared."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from index.fakes import HashEmbedder
from index.indexer import change_index, create_index, update_index
from index.recovery import repair
from index.storage import private
from index.storage.lock import FILE, LOCK
from index.storage.migrations import Versions
from index.storage.writing import writing
from index.vectors.faiss_file import compact
from tests.asgi_server import app_in, serving
from tests.conftest import SAMPLES
from ui.collections.repository import CollectionRepository
from ui.config import load_config
from ui.store import SQLiteStore

TABLES = "CREATE TABLE IF NOT EXISTS things (id INTEGER)"


@pytest.fixture(autouse=True)
def zero_umask() -> Iterator[None]:
    """A umask of 0: a file created without an explicit mode can be read by everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def readable(folder: Path) -> list[str]:
    """The files below a folder whose mode gives other users any access."""
    files = sorted(folder.rglob("*"))
    return [str(path.relative_to(folder)) for path in files if mode(path) & 0o077]


def test_index_and_its_folders_are_private(tmp_path: Path) -> None:
    update_index(tmp_path / "a" / "b" / "index", [SAMPLES / "articles"], HashEmbedder())
    assert readable(tmp_path) == []


def test_uploads_and_their_metadata_are_private(tmp_path: Path) -> None:
    with serving(app_in(tmp_path)) as address, httpx.Client(base_url=address) as client:
        sent = {"files": ("a/b.md", b"Something that was said.")}
        assert client.post("/v1/articles", files=sent).status_code == 202
        article = {"id": "n1", "title": "A tram", "text": "The tram line opened on Monday."}
        assert client.post("/v1/articles", json=article).status_code == 202
        assert client.post("/page/collections", json={"name": "Trams"}).status_code == 200
        assert {path.name for path in tmp_path.rglob("*")} >= {"b.md", "uploads-jobs.lock"}
        assert readable(tmp_path) == []


def test_shared_index_stays_shared(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir(mode=0o750)
    create_index(folder)
    for path in folder.iterdir():
        path.chmod(0o640)
    update_index(folder, [SAMPLES / "articles"], HashEmbedder())
    with writing(folder) as catalog, change_index(catalog):
        compact(catalog)
    assert mode(folder) == 0o750 and mode(folder / FILE) == mode(folder / LOCK) == 0o640
    assert {mode(path) for path in folder.glob("vectors-*")} == {0o640}
    repair(folder, HashEmbedder())
    assert mode(folder / FILE) == 0o640 and {mode(path) for path in folder.glob("vectors-*")} == {0o640}


def test_new_index_in_open_folder_is_private(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir(mode=0o755)
    update_index(tmp_path / "index", [SAMPLES / "articles"], HashEmbedder())
    assert mode(tmp_path / "index") == 0o755 and readable(tmp_path / "index") == []


def test_old_store_and_its_wal_become_private(tmp_path: Path) -> None:
    file = tmp_path / "conversations.sqlite"
    store = SQLiteStore(file, TABLES, Versions(0, {}))
    with store.rows() as rows:
        rows.execute("INSERT INTO things VALUES (1)")
    for path in tmp_path.iterdir():
        path.chmod(0o644)
    again = SQLiteStore(file, TABLES, Versions(0, {}))
    with again.rows() as rows:
        assert rows.execute("SELECT id FROM things").fetchall() == [(1,)]
        assert len(list(tmp_path.iterdir())) == 3 and readable(tmp_path) == []
    again.close()
    store.close()


@pytest.mark.parametrize(("before", "after"), [(0o755, 0o700), (0o777, 0o700), (0o750, 0o750), (0o2770, 0o2770)])
def test_world_accessible_data_folder_becomes_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    monkeypatch.setattr("ui.config._data_folder", lambda: tmp_path / "jawab")
    load_config().close_data_folder()
    (tmp_path / "jawab").mkdir()
    (tmp_path / "jawab").chmod(before)
    load_config().close_data_folder()
    assert mode(tmp_path / "jawab") == after


def test_collection_is_private(tmp_path: Path) -> None:
    made = CollectionRepository(tmp_path / "index", tmp_path / "collections").make("Trams")
    assert mode(tmp_path / "collections") == mode(tmp_path / "collections" / made.id) == 0o700


def test_make_folder_is_idempotent_and_rejects_file(tmp_path: Path) -> None:
    private.make_folder(tmp_path / "a" / "b")
    private.make_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "b"):
        with pytest.raises(OSError):
            private.make_folder(path)
