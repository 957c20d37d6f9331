"""Export: all articles as JSON lines that are indexed again with the same ids, dates and texts."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from index import jsonl_export
from index.errors import FileExists
from index.fakes import HashEmbedder
from index.indexer import update_index
from index.jsonl_export import export_articles
from index.storage.catalog import Catalog
from tests.conftest import SAMPLES
from ui.cli import main

NOTE = """---
title: "A note: with signs"
date: 2021-05-03
author: Salma Haddad
---
# Note

A line separator stays in the text:\u2028it is not an end of a line.

Follow us on all channels.
"""


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index of the samples and of articles with front matter, without a date, and with a duplicate."""
    more = tmp_path / "more"
    more.mkdir()
    (more / "note.md").write_text(NOTE)
    (more / "undated.txt").write_text("Undated\n\nNobody knows when this was written.")
    (more / "2020-02-03 named.txt").write_text("Named\n\nOnly the name of the file has the date.")
    (more / "copy of undated.txt").write_text("Undated\n\nNobody knows when this was written.")
    update_index(tmp_path / "index", [SAMPLES / "articles", more], HashEmbedder())
    return tmp_path / "index"


def contents(index: Path) -> dict[str, object]:
    """What an index of the export has in common with the original: texts and metadata, but not the articles' paths."""
    with closing(Catalog.open(index)) as catalog:
        articles = {
            one.id: (one.title, one.text, one.language, one.date, one.source, one.author, one.ignored)
            for one in catalog.articles()
        }
        copies = {
            owner: [(copy.id, copy.title, copy.date, copy.source, copy.author) for copy in copies]
            for owner, copies in catalog.copies().items()
        }
        return {"articles": articles, "copies": copies, "passages": catalog.count_passages()}


def exported(index: Path, target: Path) -> list[Path]:
    with closing(Catalog.open(index)) as catalog:
        return export_articles(catalog, target)


def test_reindexed_export_equals_original(index: Path, tmp_path: Path) -> None:
    assert exported(index, tmp_path / "all.jsonl") == [tmp_path / "all.jsonl"]
    summary = update_index(tmp_path / "again", [tmp_path / "all.jsonl"], HashEmbedder())
    assert summary.skipped == []
    assert contents(tmp_path / "again") == contents(index)


def test_large_export_is_split_into_several_files(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl_export, "FULL", 4000)
    files = exported(index, tmp_path / "all.jsonl")
    assert len(files) > 2
    assert files[:2] == [tmp_path / "all.jsonl", tmp_path / "all-2.jsonl"]
    update_index(tmp_path / "again", files, HashEmbedder())
    assert contents(tmp_path / "again") == contents(index)


def test_existing_file_is_not_overwritten(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl_export, "FULL", 4000)
    (tmp_path / "all-2.jsonl").write_text("mine")
    with pytest.raises(FileExists):
        exported(index, tmp_path / "all.jsonl")
    assert (tmp_path / "all-2.jsonl").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.glob("all*")) == ["all-2.jsonl"]


@pytest.mark.parametrize("ignored", [[[5, 2]], [[0, 10_000]], [[True, 3]], [["0", 3]], [[-1, 3]], 7, [[0]], {"a": 1}])
def test_invalid_ignored_spans_are_dropped(tmp_path: Path, ignored: object) -> None:
    line = {"id": "one", "text": "A text that is whole.", "ignored": ignored}
    (tmp_path / "one.jsonl").write_text(json.dumps(line))
    summary = update_index(tmp_path / "index", [tmp_path / "one.jsonl"], HashEmbedder())
    assert summary.skipped == []
    with closing(Catalog.open(tmp_path / "index")) as catalog:
        assert catalog.article("one").ignored == ()


def test_export_command(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["export", "--index", str(index), str(tmp_path / "all.jsonl")])
    assert str(tmp_path / "all.jsonl") in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["export", "--index", str(index), str(tmp_path / "all.jsonl")])
    assert "another name" in capsys.readouterr().err
