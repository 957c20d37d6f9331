"""An index of another version is not reported as damaged, and repair loses nothing that it could not read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from index.errors import IndexDamaged, IndexVersion
from index.fakes import HashEmbedder
from index.indexer import remove_articles, update_index
from index.recovery import check_integrity, repair
from index.storage.catalog import Catalog
from index.storage.lock import FILE
from index.storage.schema import SCHEMA
from index.storage.writing import writing
from ui import doctor
from ui.app import App
from ui.config import load_config

Write = Callable[[str, str], Path]


@pytest.fixture
def folder(write: Write, indexed: Callable[[], object], tmp_path: Path) -> Path:
    """An index of two articles."""
    write("a.txt", "Tram\n\nThe tram opened in May.")
    write("b.txt", "Ferry\n\nThe ferry leaves at noon.")
    indexed()
    return tmp_path / "index"


@pytest.fixture(params=["1", "3"])
def other_version(request: pytest.FixtureRequest, folder: Path) -> Path:
    """An index that an older or a newer version of Jawab made."""
    with writing(folder) as catalog, catalog.transaction():
        catalog.set_meta("schema", request.param)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Contents of every file in a folder, except the lock and SQLite's -shm and -wal files."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock" and not path.name.endswith(("-shm", "-wal"))
    }


def change(folder: Path, statement: str) -> None:
    """Change the catalogue's file without its checksums."""
    with closing(sqlite3.connect(folder / FILE)) as rows, rows:
        rows.execute(statement)


def test_other_version_raises_index_version(other_version: Path, tmp_path: Path) -> None:
    before = contents(other_version)
    for use in (
        lambda: Catalog.open(other_version),
        lambda: remove_articles(other_version, ["a"]),
        lambda: update_index(other_version, [tmp_path / "articles"], HashEmbedder()),
        lambda: check_integrity(other_version),
    ):
        with pytest.raises(IndexVersion) as raised:
            use()
        assert str(raised.value.fields["found"])[0] in "13"
        assert str(raised.value.fields["expected"]).startswith(str(SCHEMA))
    assert contents(other_version) == before


def test_repair_rejects_other_version(other_version: Path) -> None:
    before = contents(other_version)
    with pytest.raises(IndexVersion) as raised:
        repair(other_version, HashEmbedder())
    assert raised.value.fields["folder"] == other_version
    assert contents(other_version) == before


def test_repair_rejects_damaged_index_of_other_version(other_version: Path) -> None:
    change(other_version, "UPDATE articles SET title = 'x' WHERE id = 'a'")
    before = contents(other_version)
    with pytest.raises(IndexVersion):
        repair(other_version, HashEmbedder())
    assert contents(other_version) == before


@pytest.mark.parametrize(("language", "sentence"), [("en", "another version of Jawab"), ("ar", "بإصدار آخر من جواب")])
def test_doctor_reports_other_version(
    other_version: Path, language: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAWAB_LANG", language)
    finding = doctor._run_check(doctor._index, App(load_config(index=other_version, embedder="fake", llm="fake")))
    assert not finding.well and sentence in finding.text


def test_damaged_version_record_is_repaired(folder: Path) -> None:
    change(folder, "UPDATE meta SET value = '3' WHERE key = 'schema'")
    assert check_integrity(folder)
    assert repair(folder, HashEmbedder()).articles == 2
    assert not check_integrity(folder)


def test_repair_moves_the_damaged_files_aside(folder: Path) -> None:
    change(folder, "UPDATE articles SET title = 'x' WHERE id = 'a'")
    before = contents(folder)
    repaired = repair(folder, HashEmbedder())
    assert repaired.lost == ("a",)
    assert repaired.damaged_files.parent == folder
    catalogue = {name: content for name, content in before.items() if name.startswith("catalog.")}
    assert contents(repaired.damaged_files) == catalogue
    assert Catalog.open(repaired.damaged_files).article("a").title == "x"
    assert not check_integrity(folder)


@pytest.mark.parametrize("statement", ["UPDATE articles SET checksum = 0", "ALTER TABLE articles DROP COLUMN author"])
def test_repair_with_no_readable_article_changes_nothing(folder: Path, statement: str) -> None:
    change(folder, statement)
    before = contents(folder)
    with pytest.raises(IndexDamaged) as raised:
        repair(folder, HashEmbedder())
    assert raised.value.fields["folder"] == folder
    assert contents(folder) == before


def test_repair_of_invalid_database_changes_nothing(folder: Path) -> None:
    (folder / FILE).write_bytes(b"this is no database" * 1000)
    before = contents(folder)
    with pytest.raises(IndexDamaged):
        repair(folder, HashEmbedder())
    assert contents(folder) == before
