"""A sample of disk faults and kills: either the old or the new state remains (all: `python -m benchmarks.faults`)."""

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
def test_sampled_faults_and_kills_leave_old_or_new_state(tmp_path: Path) -> None:
    results = list(start(tmp_path, FAULTS, KILLS))
    assert [result for result in results if result.faults] == []
    # Otherwise the faults were injected too early or too late to prove anything.
    lefts = [result.left for result in results if result.fired]
    assert len(lefts) > (FAULTS + KILLS) * 2 // 3 and min(lefts.count("old"), lefts.count("new")) > 10


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index of a few articles, including one duplicate."""
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
def test_os_errors_map_to_storage_errors(number: int, error: type[Exception]) -> None:
    with pytest.raises(error), storage_errors(Path("folder")):
        raise OSError(number, os.strerror(number))


def test_sqlite_io_error_raises_disk_failed() -> None:
    failed = sqlite3.OperationalError("disk I/O error")
    failed.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    with pytest.raises(DiskFailed), storage_errors(Path("folder")):
        raise failed


def test_unwritten_checksums_are_not_reported_as_damage(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        # The first call is on opening, the second after the removal is stored.
        steps = iter([page_checksums._logged_pages, _raise_io_error])
        patched.setattr(page_checksums, "_logged_pages", lambda file: next(steps)(file))
        with pytest.raises(DiskFailed):
            remove_articles(index, ["1"])
    assert "1" not in texts(index)
    assert not check_integrity(index)
    remove_articles(index, ["2"])
    assert not check_integrity(index)


def _raise_io_error(*_: object, **__: object) -> Any:
    raise OSError(errno.EIO, "Input/output error")


def test_unreadable_checksums_are_kept(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (index / "catalog.sums").read_bytes()
    read = Path.read_bytes
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda path: _raise_io_error() if path.suffix == ".sums" else read(path))
        with pytest.raises(DiskFailed):
            remove_articles(index, ["1"])
    assert (index / "catalog.sums").read_bytes() == before


def test_interrupted_index_creation_can_be_retried(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    Database(folder / FILE, writable=True).close()
    for look in (Catalog.open, check_integrity, lambda folder: repair(folder, HashEmbedder())):
        with pytest.raises(IndexMissing) as raised:
            look(folder)
        assert raised.value.fields["folder"] == folder
    create_index(folder)
    assert texts(folder) == {} and not check_integrity(folder)


def test_partial_files_of_killed_process_are_removed(index: Path) -> None:
    left = [index / name for name in ("catalog.sums.partial", "vectors-9-9.partial", "vectors-9-9.faiss")]
    for path in left:
        path.write_bytes(b"half")
    (index / "repairing" / "new").mkdir(parents=True)
    with pytest.raises(LookupError), writing(index) as catalog, change_index(catalog):
        raise LookupError
    assert not [path for path in (*left, index / "repairing") if path.exists()]
    assert not check_integrity(index)


def test_truncated_vector_file_is_not_used(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAISS's own file writer does not raise on a failed last write; it only prints the result."""
    monkeypatch.setattr(faiss, "write_index", _raise_disk_full)
    with pytest.raises(DiskFull), writing(index) as catalog, change_index(catalog):
        compact(catalog)
    monkeypatch.undo()
    assert not check_integrity(index)


def _raise_disk_full(index: faiss.Index, writer: Any) -> None:
    assert not isinstance(writer, str)
    raise OSError(errno.ENOSPC, "No space left on device")


def test_repair_loses_nothing_on_transient_read_error(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite reports a disk read error of a database as corruption."""
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


def test_interrupted_repair_still_reports_damage(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a damaged index would look intact, or pages of the two databases would be mixed."""
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
                patched.setattr(Path, name, _fail_after(left, damaged, real))
            with suppress(DiskFailed):
                repair(damaged, HashEmbedder(64))
        assert texts(damaged) == whole
        assert left[0] >= 0 or check_integrity(damaged) or not _blob_changed(damaged, blob)
        repair(damaged, HashEmbedder(64))
        assert texts(damaged) == whole and not check_integrity(damaged)
        if left[0] >= 0:
            break
    else:
        pytest.fail("it never came to its end")


def _fail_after(left: list[int], folder: Path, real: Any) -> Any:
    """Lets `left[0]` operations on files in `folder` succeed, and fails every later one."""

    def moved(path: Path, *given: Any, **named: Any) -> Any:
        target = Path(given[0]) if given else path
        if folder in (path.parent, target.parent):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.EIO, "Input/output error")
        return real(path, *given, **named)

    return moved


def _blob_changed(index: Path, blob: bytes) -> bool:
    return blob not in (index / FILE).read_bytes()


def test_partial_write_of_run_raises_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(measured=datetime(2026, 1, 1, tzinfo=UTC), limit=None, without="", models={}, settings={}, figures={})
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda path, mode, buffering: _ShortWriteFile(path, "a+b"))
        with pytest.raises(DiskFull):
            append_run(tmp_path / "runs.jsonl", run)
    append_run(tmp_path / "runs.jsonl", run)
    assert len(read_runs(tmp_path / "runs.jsonl").runs) == 1


class _ShortWriteFile(FileIO):
    def write(self, data: Any, /) -> int:
        return super().write(data[: len(data) // 2]) or 0


def test_collection_without_stored_name_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = CollectionRepository(tmp_path / "index", tmp_path / "collections")
    with monkeypatch.context() as patched:
        patched.setattr("index.storage.json_file.write_atomically", _raise_io_error)
        with pytest.raises(DiskFailed):
            folders.make("Trams")
    assert [one.name for one in folders.all()] == [""]


def test_job_queue_removes_leftover_upload_files_on_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def upload(jobs: JobQueue) -> PendingUpload:
        upload = jobs.begin("", "key")
        upload.folder.mkdir(parents=True)
        jobs.discard(upload)
        return upload

    with monkeypatch.context() as patched:
        patched.setattr("ui.jobs.job_queue.shutil.rmtree", lambda *_, **__: None)
        with closing(JobQueue(tmp_path / "uploads", CannedIntake())) as jobs:
            left = [upload(jobs).folder, upload(jobs).folder]
            assert all(folder.exists() for folder in left)
    with closing(JobQueue(tmp_path / "uploads", CannedIntake())) as jobs:
        jobs.start()
        assert not any(folder.exists() for folder in left)
