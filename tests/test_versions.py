"""Data folders written by earlier versions of Jawab (`tests/data/versions`) open in this one without loss."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from index.fakes import HashEmbedder
from index.indexer import update_index
from index.recovery import check_integrity
from index.retriever import Retriever
from index.storage.catalog import Catalog
from ui.auth.api_keys import APIKeyStore
from ui.collections.repository import DEFAULT_ID, CollectionRepository
from ui.conversations.repository import ConversationRepository
from ui.jobs.index_writer import IndexWriter
from ui.jobs.job_queue import JobQueue
from ui.jobs.uploaded_files import UploadedFiles

VERSIONS = Path(__file__).parent / "data" / "versions"
VISITOR = "vvvvvvvv"


@dataclass(frozen=True)
class Home:
    """A data folder of an earlier version; `facts` are the ids and the key that it was made with."""

    folder: Path
    facts: dict[str, Any]


@pytest.fixture(params=sorted(path.name for path in VERSIONS.iterdir()))
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """A copy of a data folder, because opening it changes it."""
    shutil.copytree(VERSIONS / request.param, tmp_path / "home")
    return Home(tmp_path / "home", json.loads((tmp_path / "home" / "facts.json").read_text()))


def test_index_can_be_searched_and_updated(home: Home) -> None:
    index = home.folder / "index"
    assert not check_integrity(index)
    retriever = Retriever(index, HashEmbedder())
    assert retriever.search("Who was the first driver?", 1)[0].passage.article_id == "copy"
    assert retriever.search("مكتبة المدينة", 1)[0].passage.article_id == "مكتبة"
    with closing(Catalog.open(index)) as catalog:
        assert {article.id: article.date for article in catalog.articles()} == {
            "copy": "2021-05-03", "ferry": None, "مكتبة": "2020-06-11",
        }  # fmt: skip
        assert catalog.article("tram").date == "2021-05-03"
    (home.folder / "new.txt").write_text("New\n\nA new article of today.")
    assert update_index(index, [home.folder / "new.txt"], HashEmbedder()).added == ["new"]
    assert not check_integrity(index)


def test_conversations_survive_upgrade(home: Home) -> None:
    with closing(ConversationRepository(home.folder / "conversations.sqlite")) as conversations:
        titles = {one.title: one.collection for one in conversations.all(VISITOR)}
        assert titles == {"When did the tram open?": None, "متى افتتحت المكتبة؟": home.facts["collection"]}
        (turn,) = conversations.turns(VISITOR, home.facts["conversation"])
        assert turn.answer
        assert {citation.field for citation in turn.answer.citations} == {"text"}
        assert turn.answer.short_answer == "The tram line opened"
        assert (turn.verdict, turn.why) == ("good", "right")


def test_finished_and_queued_jobs_survive_upgrade(home: Home) -> None:
    folders = CollectionRepository(home.folder / "index", home.folder / "collections")
    intake = IndexWriter(folders, HashEmbedder, UploadedFiles(home.folder / "brought", folders))
    with closing(JobQueue(home.folder / "brought", intake)) as jobs:
        assert jobs.find(home.facts["job"]).summary
        jobs.start()
        while not jobs.find(home.facts["waiting"]).is_over:
            time.sleep(0.05)
        assert jobs.find(home.facts["waiting"]).state == "done"
    with closing(Catalog.open(home.folder / "index")) as catalog:
        assert catalog.article("bridge")


def test_collection_names_survive_upgrade(home: Home) -> None:
    folders = CollectionRepository(home.folder / "index", home.folder / "collections")
    named = {one.id: one.name for one in folders.all()}
    assert named == {DEFAULT_ID: "الأخبار", home.facts["collection"]: "Archive of 2021"}


def test_api_key_scopes_survive_upgrade(home: Home) -> None:
    keys = APIKeyStore(home.folder / "keys.json")
    found = keys.find(home.facts["key"])
    assert found
    assert found.scopes == ("read", "write")
    keys.add("another", ["read"])
    assert [key.name for key in keys.all()] == ["newsroom", "another"]
