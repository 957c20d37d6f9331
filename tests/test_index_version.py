"""An index of another version is not called damaged, and repairing loses nothing that it could not read."""

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
def other(request: pytest.FixtureRequest, folder: Path) -> Path:
    """An index that an older or a newer version of Jawab made."""
    with writing(folder) as catalog, catalog.transaction():
        catalog.set_meta("schema", request.param)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but for the lock and the memory that SQLite's connections share."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock" and not path.name.endswith(("-shm", "-wal"))
    }


def change(folder: Path, statement: str) -> None:
    """Change the catalogue's file without its checksums."""
    with closing(sqlite3.connect(folder / FILE)) as rows, rows:
        rows.execute(statement)


def test_another_version_is_its_own_error(other: Path, tmp_path: Path) -> None:
    before = contents(other)
    for use in (
        lambda: Catalog.open(other),
        lambda: remove_articles(other, ["a"]),
        lambda: update_index(other, [tmp_path / "articles"], HashEmbedder()),
        lambda: check_integrity(other),
    ):
        with pytest.raises(IndexVersion) as raised:
            use()
        assert str(raised.value.fields["found"])[0] in "13"
        assert str(raised.value.fields["expected"]).startswith(str(SCHEMA))
    assert contents(other) == before


def test_repair_refuses_another_version(other: Path) -> None:
    before = contents(other)
    with pytest.raises(IndexVersion) as raised:
        repair(other, HashEmbedder())
    assert raised.value.fields["folder"] == other
    assert contents(other) == before


def test_repair_refuses_another_version_that_is_damaged(other: Path) -> None:
    change(other, "UPDATE articles SET title = 'x' WHERE id = 'a'")
    before = contents(other)
    with pytest.raises(IndexVersion):
        repair(other, HashEmbedder())
    assert contents(other) == before


@pytest.mark.parametrize(("language", "sentence"), [("en", "another version of Jawab"), ("ar", "بإصدار آخر من جواب")])
def test_doctor_names_another_version(
    other: Path, language: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAWAB_LANG", language)
    finding = doctor._found(doctor._index, App(load_config(index=other, embedder="fake", llm="fake")))
    assert not finding.well and sentence in finding.text


def test_damaged_record_of_the_version_is_repaired(folder: Path) -> None:
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


def test_repair_of_no_database_changes_nothing(folder: Path) -> None:
    (folder / FILE).write_bytes(b"this is no database" * 1000)
    before = contents(folder)
    with pytest.raises(IndexDamaged):
        repair(folder, HashEmbedder())
    assert contents(folder) == before
