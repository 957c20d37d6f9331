"""The databases beside the index: a failed first use does not break later uses."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from index.errors import DiskFull, IndexLocked
from index.indexer import Progress
from index.planner import IndexingReport
from index.storage.migrations import Versions
from qa.errors import LLMUnreachable
from ui.conversations.repository import ConversationRepository
from ui.jobs.job_queue import JobQueue
from ui.jobs.progress import JobProgress
from ui.jobs.repository import JobRepository
from ui.jobs.upload_dir import UploadDirectory
from ui.store import SQLiteStore


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Another connection that locks the database until it is rolled back."""
    with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr("ui.store.sqlite3.connect", partial(sqlite3.connect, timeout=0.05))
        yield other


def test_store_locked_at_first_use_works_later(locked: sqlite3.Connection, tmp_path: Path) -> None:
    with closing(ConversationRepository(tmp_path / "store.sqlite")) as conversations:
        with pytest.raises(IndexLocked):
            conversations.begin("visitor", "Is it locked?")
        locked.execute("ROLLBACK")
        conversations.begin("visitor", "Is it open?")
        assert [one.title for one in conversations.all("visitor")] == ["Is it open?"]


def test_failed_migration_is_retried(tmp_path: Path) -> None:
    prepared: list[sqlite3.Connection] = []

    def fail_once(connection: sqlite3.Connection) -> None:
        prepared.append(connection)
        if len(prepared) == 1:
            raise OSError(28, "No space left on device")

    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as older:
        older.execute("CREATE TABLE t (x)")
    versions = Versions(1, {0: fail_once})
    with closing(SQLiteStore(tmp_path / "store.sqlite", "CREATE TABLE IF NOT EXISTS t (x)", versions)) as store:
        with pytest.raises(DiskFull), store.rows():
            pass
        with store.rows() as rows:
            assert rows.execute("SELECT * FROM t").fetchall() == []
        assert len(prepared) == 2
        with pytest.raises(sqlite3.ProgrammingError):
            prepared[0].execute("SELECT 1")


def fails_once(work: Callable[[], None]) -> Callable[[], None]:
    """`work`, but the first call raises `DiskFull`."""
    failures = iter([DiskFull(folder="x")])

    def failing_once() -> None:
        for failure in failures:
            raise failure
        work()

    return failing_once


class FakeIntake:
    """An intake that signals when it has been given files."""

    def __init__(self) -> None:
        self.done = threading.Event()

    def is_away(self, collection: str) -> bool:
        return False

    def read(self, collection: str, files: list[Path], progress: Progress) -> IndexingReport:
        self.done.set()
        return IndexingReport()

    def has_articles_of(self, collection: str, folder: Path) -> bool:
        return True


def test_queue_resumes_unfinished_jobs_after_failed_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = JobQueue(tmp_path / "uploads", FakeIntake())
    upload = left.begin("caller", None)
    upload.folder.mkdir(parents=True)
    monkeypatch.setattr(left, "_ensure_worker", lambda collection: None)
    left.accept(upload, UploadDirectory(folder=upload.folder), "first", "digest")
    left.close()

    intake = FakeIntake()
    with closing(JobQueue(tmp_path / "uploads", intake)) as jobs:
        monkeypatch.setattr(jobs, "_recover", fails_once(jobs._recover))
        with pytest.raises(DiskFull):
            jobs.start()
        jobs.start()
        assert intake.done.wait(5)


@pytest.mark.parametrize("code", ["llm_unreachable", "generator_unreachable"])
def test_stored_problem_of_job_is_restored_also_from_its_former_code(tmp_path: Path, code: str) -> None:
    with closing(JobRepository(tmp_path / "jobs.sqlite")) as jobs:
        jobs.begin("job", "", None)
        jobs.finish("job", "failed", JobProgress(), LLMUnreachable(address="http://127.0.0.1:9/v1"))
        with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as rows, rows:
            rows.execute("UPDATE jobs SET problem = replace(problem, 'llm_unreachable', ?)", (code,))
        problem = jobs.find("job").problem
    assert isinstance(problem, LLMUnreachable) and problem.fields == {"address": "http://127.0.0.1:9/v1"}
