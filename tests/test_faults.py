"""Faults of the disk and kills, a sample: the old state or the new one is left (all: `python -m benchmarks.faults`)."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

import faiss
import pytest

from index.errors import DiskFailed, DiskFull, IndexMissing, PermissionDenied
from index.fakes import HashEmbedder
from index.indexer import change_index, create_index, remove_articles, update_index
from index.recovery import check_integrity, repair
from index.storage import page_checksums
from index.storage.catalog import Catalog
from index.storage.database import Database, storage_errors
from index.storage.lock import FILE
from index.storage.writing import writing
from index.vectors.faiss_file import compact
from tests.fake_site import CannedIntake
from tests.faults.library import missing
from tests.faults.run import start
from ui.collections.repository import CollectionRepository
from ui.evaluation.history import Run, append_run, read_runs
from ui.jobs.job_queue import JobQueue, PendingUpload

FAULTS, KILLS = 60, 28


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_sample_of_faults_and_kills(tmp_path: Path) -> None:
    results = list(start(tmp_path, FAULTS, KILLS))
    assert [result for result in results if result.faults] == []
    # Otherwise they came all too early or all too late to prove anything.
    lefts = [result.left for result in results if result.fired]
    assert len(lefts) > (FAULTS + KILLS) * 2 // 3 and min(lefts.count("old"), lefts.count("new")) > 10


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index of some articles, one of them twice."""
    articles = tmp_path / "articles"
    articles.mkdir()
    for number in range(4):
        (articles / f"{number}.txt").write_text(f"Headline {number}\n\n" + f"Sentence {number} of it. " * 40)
    shutil.copy(articles / "0.txt", articles / "copy.txt")
    update_index(tmp_path / "index", [articles], HashEmbedder(64))
    return tmp_path / "index"


def texts(index: Path) -> dict[str, str]:
    with closing(Catalog.open(index)) as catalog:
        return {article.id: article.text for article in catalog.articles()}


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.EIO, DiskFailed),
        (errno.ESTALE, DiskFailed),
        (errno.EDQUOT, DiskFull),
        (errno.EROFS, PermissionDenied),
        (errno.EBADF, OSError),
    ],
)
def test_what_the_system_says_of_a_disk(number: int, error: type[Exception]) -> None:
    with pytest.raises(error), storage_errors(Path("folder")):
        raise OSError(number, os.strerror(number))


def test_a_database_that_the_disk_fails_is_not_called_damaged() -> None:
    failed = sqlite3.OperationalError("disk I/O error")
    failed.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    with pytest.raises(DiskFailed), storage_errors(Path("folder")):
        raise failed


def test_an_index_whose_checksums_could_not_be_written_is_not_held_to_be_damaged(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        # The first time when it is opened, the second once the removal is stored.
        steps = iter([page_checksums._logged_pages, _failing])
        patched.setattr(page_checksums, "_logged_pages", lambda file: next(steps)(file))
        with pytest.raises(DiskFailed):
            remove_articles(index, ["1"])
    assert "1" not in texts(index)
    assert not check_integrity(index)
    remove_articles(index, ["2"])
    assert not check_integrity(index)


def _failing(*_: object, **__: object) -> Any:
    raise OSError(errno.EIO, "Input/output error")


def test_checksums_that_cannot_be_read_are_not_forgotten(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (index / "catalog.sums").read_bytes()
    read = Path.read_bytes
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda path: _failing() if path.suffix == ".sums" else read(path))
        with pytest.raises(DiskFailed):
            remove_articles(index, ["1"])
    assert (index / "catalog.sums").read_bytes() == before


def test_an_index_whose_making_was_interrupted_is_missing_and_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    Database(folder / FILE, writable=True).close()
    for look in (Catalog.open, check_integrity, lambda folder: repair(folder, HashEmbedder())):
        with pytest.raises(IndexMissing) as raised:
            look(folder)
        assert raised.value.fields["folder"] == folder
    create_index(folder)
    assert texts(folder) == {} and not check_integrity(folder)


def test_what_a_killed_process_had_not_put_in_place_goes(index: Path) -> None:
    left = [index / name for name in ("catalog.sums.partial", "vectors-9-9.partial", "vectors-9-9.faiss")]
    for path in left:
        path.write_bytes(b"half")
    (index / "repairing" / "new").mkdir(parents=True)
    with pytest.raises(LookupError), writing(index) as catalog, change_index(catalog):
        raise LookupError
    assert not [path for path in (*left, index / "repairing") if path.exists()]
    assert not check_integrity(index)


def test_a_vector_file_whose_end_could_not_be_written_is_not_used(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAISS's own files say nothing of it, as they only print what their last write gives."""
    monkeypatch.setattr(faiss, "write_index", _written_until_full)
    with pytest.raises(DiskFull), writing(index) as catalog, change_index(catalog):
        compact(catalog)
    monkeypatch.undo()
    assert not check_integrity(index)


def _written_until_full(index: faiss.Index, writer: Any) -> None:
    assert not isinstance(writer, str)
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_repair_that_the_disk_fails_once_loses_nothing(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite calls it damage where the disk fails in reading a database."""
    whole = texts(index)
    asked: set[str] = set()
    rows = Database.rows

    def fails_first(self: Database, statement: str, *values: object) -> list[tuple[Any, ...]]:
        of_row = "checksum FROM" in statement or "FROM meta" in statement
        if of_row and "repairing/old" in str(self.folder) and (query := f"{statement} {values}") not in asked:
            asked.add(query)
            with storage_errors(self.folder):
                raise sqlite3.DatabaseError("database disk image is malformed")
        return rows(self, statement, *values)

    monkeypatch.setattr(Database, "rows", fails_first)
    repaired = repair(index, HashEmbedder(64))
    monkeypatch.undo()
    assert repaired.lost == () and texts(index) == whole
    with closing(Catalog.open(index)) as catalog:
        assert sum(map(len, catalog.copies().values())) == 1


def test_a_repair_that_ends_in_the_middle_leaves_what_is_held_to_be_damaged(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a damaged index would look whole, or the first pages of one be put into the other."""
    content = bytearray((index / FILE).read_bytes())
    with closing(Catalog.open(index)) as catalog:
        ((blob,),) = catalog.rows("SELECT passage FROM embeddings LIMIT 1")
    content[content.index(blob)] ^= 1
    (index / FILE).write_bytes(content)
    whole = texts(index)
    moved = {name: getattr(Path, name) for name in ("replace", "unlink", "rename")}
    for end in range(100):
        damaged = index.with_name("damaged")
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(index, damaged)
        left = [end]
        with monkeypatch.context() as patched:
            for name, real in moved.items():
                patched.setattr(Path, name, _until(left, damaged, real))
            with suppress(DiskFailed):
                repair(damaged, HashEmbedder(64))
        assert texts(damaged) == whole
        assert left[0] >= 0 or check_integrity(damaged) or not _differs(damaged, blob)
        repair(damaged, HashEmbedder(64))
        assert texts(damaged) == whole and not check_integrity(damaged)
        if left[0] >= 0:
            break
    else:
        pytest.fail("it never came to its end")


def _until(left: list[int], folder: Path, real: Any) -> Any:
    """Works on files of `folder` so many times, and then no more."""

    def moved(path: Path, *given: Any, **named: Any) -> Any:
        target = Path(given[0]) if given else path
        if folder in (path.parent, target.parent):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.EIO, "Input/output error")
        return real(path, *given, **named)

    return moved


def _differs(index: Path, blob: bytes) -> bool:
    return blob not in (index / FILE).read_bytes()


def test_partly_written_run_is_reported_as_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(measured=datetime(2026, 1, 1, tzinfo=UTC), limit=None, without="", models={}, settings={}, figures={})
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda path, mode, buffering: _Short(path, "a+b"))
        with pytest.raises(DiskFull):
            append_run(tmp_path / "runs.jsonl", run)
    append_run(tmp_path / "runs.jsonl", run)
    assert len(read_runs(tmp_path / "runs.jsonl").runs) == 1


class _Short(FileIO):
    def write(self, data: Any, /) -> int:
        return super().write(data[: len(data) // 2]) or 0


def test_a_collection_is_not_there_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = CollectionRepository(tmp_path / "index", tmp_path / "collections")
    with monkeypatch.context() as patched:
        patched.setattr("index.storage.json_file.write_atomically", _failing)
        with pytest.raises(DiskFailed):
            folders.make("Trams")
    assert [one.name for one in folders.all()] == [""]


def test_files_of_an_upload_that_cannot_be_removed_now_are_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload(jobs: JobQueue) -> PendingUpload:
        upload = jobs.begin("", "key")
        upload.folder.mkdir(parents=True)
        jobs.discard(upload)
        return upload

    with monkeypatch.context() as patched:
        patched.setattr("ui.jobs.job_queue.shutil.rmtree", lambda *_, **__: None)
        with closing(JobQueue(tmp_path / "brought", CannedIntake())) as jobs:
            left = [upload(jobs).folder, upload(jobs).folder]
            assert all(folder.exists() for folder in left)
    with closing(JobQueue(tmp_path / "brought", CannedIntake())) as jobs:
        jobs.start()
        assert not any(folder.exists() for folder in left)
